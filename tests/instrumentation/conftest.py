import contextlib
import logging
import random
import socket
import sys
from collections.abc import Callable, Iterator
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


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """``free_port()``: a port that nobody listens on, below those that the system gives to connections."""

    def find() -> int:
        while True:
            port = random.SystemRandom().randrange(20_000, 32_000)
            with contextlib.suppress(OSError), socket.socket() as taken:
                taken.bind(("127.0.0.1", port))
                return port

    return find


@pytest.fixture
def patient_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are started wait at their end for a collector that a busy machine has yet to run."""
    monkeypatch.setenv("HOPLINE_EXIT_TIMEOUT_S", "60")
    monkeypatch.setenv("HOPLINE_EXIT_AWAY_S", "60")


@pytest.fixture
def collector() -> Iterator[Collecting]:
    """A collector's stand-in on a free port."""
    with collecting() as server:
        yield server
