import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hopline.testing import Recorder

sys.path.insert(0, str(Path(__file__).parent))

from collecting import Collecting, collecting


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder(service="shop") as recorder:
        yield recorder


@pytest.fixture
def collector() -> Iterator[Collecting]:
    """A collector's stand-in on a free port."""
    with collecting() as server:
        yield server
