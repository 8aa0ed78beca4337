"""The rig of the fault tests."""

from collections.abc import Iterator

import pytest

from support.killing import Rig
from support.process import Children
from support.small_disk import small_disk

__all__ = ["rig", "small_disk"]


@pytest.fixture
def rig(children: Children) -> Iterator[Rig]:
    """Collectors to kill, load that is acknowledged, books to check."""
    built = Rig(children)
    yield built
    built.close()
