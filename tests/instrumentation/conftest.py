from collections.abc import Iterator

import pytest

from hopline.testing import Recorder


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder(service="shop") as recorder:
        yield recorder
