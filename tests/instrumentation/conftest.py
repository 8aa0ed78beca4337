import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hopline.testing import Recorder

sys.path.insert(0, str(Path(__file__).parent))

from collecting import Collecting, collecting


def _logging_state() -> dict[str, object]:
    root = logging.getLogger()
    loggers = root.manager.loggerDict.items()
    return {
        "level": root.level,
        "handlers": [handler for handler in root.handlers if type(handler).__module__ != "_pytest.logging"],
        "disabled below": root.manager.disable,
        "disabled": [name for name, logger in loggers if isinstance(logger, logging.Logger) and logger.disabled],
    }


@pytest.fixture(autouse=True)
def _logging_is_left_as_it_was() -> Iterator[None]:
    """A framework that sets up logging in one test would silence what the next one looks for."""
    before = _logging_state()
    yield
    assert _logging_state() == before


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder(service="shop") as recorder:
        yield recorder


@pytest.fixture
def collector() -> Iterator[Collecting]:
    """A collector's stand-in on a free port."""
    with collecting() as server:
        yield server
