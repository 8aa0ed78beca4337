"""A collector's receivers on a real socket, with what they took in memory."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from hopline_collector.core import Message, build_block
from hopline_collector.intake import Entry
from hopline_collector.journal import Batch
from hopline_collector.metrics import Metrics
from hopline_collector.plan import Plan
from hopline_collector.receivers import create_router
from hopline_deploy.ports import free_ports
from support import wait_until


class Receiver:
    """`url` takes spans; `rows()` are those that the store would get."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.entries: list[Entry] = []

    def accept(self, entries: Any, _batch: Batch | None) -> None:
        self.entries += entries

    def answer_of(self, _batch_id: str, _now: int) -> bytes | None:
        return None

    def rows(self) -> list[dict[str, Any]]:
        messages = [Message(offset, *entry) for offset, entry in enumerate(self.entries)]
        block = build_block(messages, Plan(0, len(messages) + 1, 1_800_000_000_000_000))
        assert block.dead == []
        columns = block.columns
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    (port,) = free_ports(1)
    found = Receiver(port)
    app = FastAPI()
    app.include_router(create_router(found, Metrics()))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, 10)
    yield found
    server.should_exit = True
    thread.join(10)
