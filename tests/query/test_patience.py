"""What a question asks of the store ends when its client leaves, or when its time is over."""

import asyncio
import threading

import pytest
from fastapi import APIRouter, FastAPI

from hopline_query.api.answering import QueryRoute
from hopline_query.api.patience import BudgetMiddleware
from hopline_query.budget import CURRENT
from hopline_query.errors import TooManyQueriesError

WAIT = 60


def served(seconds: float):
    """An application with one endpoint whose statement goes on until it is ended."""
    router = APIRouter(route_class=QueryRoute)
    asked, ended = threading.Event(), threading.Event()

    @router.get("/")
    def slow() -> str:
        with CURRENT.get().statement(lambda _: ended.set()):
            asked.set()
            assert ended.wait(WAIT)
            raise RuntimeError("the engine's own words")

    app = FastAPI()
    app.include_router(router)
    return BudgetMiddleware(app, seconds, 1, ["/quick"]), asked, ended


def run(app, receive, method="GET", path="/"):
    """The messages that one request was answered with."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b"", "root_path": ""}
    asyncio.run(asyncio.wait_for(app(scope, receive, send), WAIT))
    return sent


def test_a_client_that_leaves_ends_its_question():
    """Q6: the statement of a request whose connection closed is ended at once."""
    app, asked, ended = served(WAIT)

    async def receive():
        await asyncio.to_thread(asked.wait, WAIT)
        return {"type": "http.disconnect"}

    run(app, receive)
    assert ended.is_set()


def test_a_request_has_one_time_for_all_its_statements():
    """Q6: a request over its time is a time-out in the one shape of errors."""
    app, _, ended = served(0.2)
    sent = run(app, lambda: asyncio.sleep(WAIT))
    assert ended.is_set()
    assert sent[0]["status"] == 504
    assert b'"timeout"' in sent[1]["body"]


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_changes_something_is_left_alone(method):
    """Q6: only questions end with their clients."""
    seen = []

    async def app(_scope, receive, _send):
        seen.append((CURRENT.get(), await receive()))

    run(BudgetMiddleware(app, WAIT, 1), lambda: asyncio.sleep(0, {"type": "http.request", "body": b"x"}), method)
    assert seen == [(None, {"type": "http.request", "body": b"x"})]


def test_a_crowd_waits_its_turn_and_is_turned_away():
    """Q6: more questions than places wait half their time, then are refused; what asks no store goes past them."""
    seen, refused, free = [], [], asyncio.Event()

    async def app(scope, _receive, _send):
        if scope["path"] != "/quick":
            try:
                CURRENT.get().check()
            except TooManyQueriesError:
                refused.append(scope["path"])
                free.set()
                return
            seen.append("began")
            await free.wait()
        seen.append(scope["path"])

    watched = BudgetMiddleware(app, 3, 1, ["/quick"])

    async def ask(path):
        scope = {"type": "http", "method": "GET", "path": path, "headers": []}
        await watched(scope, lambda: asyncio.sleep(WAIT), None)

    async def crowd():
        await asyncio.gather(ask("/one"), ask("/two"), ask("/quick"))
        await ask("/three")

    asyncio.run(asyncio.wait_for(crowd(), WAIT))
    assert [path for path in seen if path != "/quick"] == ["began", "/one", "began", "/three"]
    assert seen.index("/quick") < seen.index("/one")
    assert refused == ["/two"]
