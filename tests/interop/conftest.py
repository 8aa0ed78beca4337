"""A collector's receivers on a real socket, with what they took in memory."""

import threading
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi import FastAPI

from hopline_collector.door.receivers import create_router
from hopline_collector.metrics import Metrics
from support import wait_until
from support.intakes import MemoryIntake
from support.ports import lasting_ports


class Receiver(MemoryIntake):
    """`url` takes spans; `rows()` are those that the store would get."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.url = f"http://127.0.0.1:{port}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    (port,) = lasting_ports(1)
    found = Receiver(port)
    app = FastAPI()
    app.include_router(create_router(found, Metrics()))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    yield found
    server.should_exit = True
    thread.join(60)
