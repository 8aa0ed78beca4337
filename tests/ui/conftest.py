"""The pages over made-up answers, asked without a port."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hopline.model import Row
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from ui_support import NOW, TRACE_ID, Client, Page, ShopAnswers, page_app


class Current:
    """Whatever service the running test set: the pages' templates are compiled once for all tests."""

    service: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.service, name)


@pytest.fixture(scope="session")
def current() -> Current:
    return Current()


@pytest.fixture(scope="session")
def session_client(current: Current) -> Client:
    return Client(page_app(current))


@pytest.fixture
def answers() -> ShopAnswers:
    return ShopAnswers()


@pytest.fixture
def client(session_client: Client, current: Current, answers: ShopAnswers) -> Iterator[Client]:
    current.service = answers
    yield session_client
    current.service = None


@pytest.fixture
def read(client: Client) -> Callable[..., Page]:
    """``read("/map")`` is that page, which must answer 200."""

    def read(path: str, **headers: str) -> Page:
        answer = client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        assert answer.status_code == 200, answer.text[:300]
        return Page(answer.text)

    return read


@pytest.fixture(scope="session")
def over_store() -> Client:
    """The pages over the real query service and a few calls in its memory twin."""
    begun = NOW - 60_000_000
    rows = [
        Row(
            "6921c0de0123456789abcdef01234567",
            "server",
            "orders",
            "GET /",
            begun,
            "0",
            "a" * 16,
            None,
            5_000,
            uid="u-1",
        ),
        Row(TRACE_ID, "client", "orders", "GET", begun + 9, "0.1", "b" * 16, "a" * 16, 900),
    ]
    return Client(page_app(QueryService(MemoryReader(rows), clock=lambda: NOW)))
