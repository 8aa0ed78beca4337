"""A budget for each question, which ends when its time is over or its client leaves; and so many questions at once.

More threads than the store has handles would only wait there, and every thread that computes
keeps the event loop, which answers probes, from its turn.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hopline_query.budget import CURRENT, Budget, left, too_long
from hopline_query.errors import TooManyQueriesError

_EMPTY: Final[Message] = {"type": "http.request", "body": b"", "more_body": False}


class BudgetMiddleware:
    """Watches GET requests: what they ask of the store ends with them, and only so many are answered at once."""

    def __init__(self, app: ASGIApp, seconds: float, places: int, quick: Sequence[str] = ()) -> None:
        """``seconds`` is the time for all statements of one request together, half of which it may wait for its turn.

        ``places`` are answered at once; paths that hold one of ``quick`` ask the store nothing and wait for nobody.
        """
        self._app = app
        self._seconds = seconds
        self._places = asyncio.Semaphore(places)
        self._quick = tuple(quick)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and watch the connection meanwhile."""
        path = scope.get("path", "")
        if scope["type"] != "http" or scope["method"] != "GET" or any(part in path for part in self._quick):
            await self._app(scope, receive, send)
            return
        try:
            await asyncio.wait_for(self._places.acquire(), self._seconds / 2)
        except TimeoutError:
            await self._refused(scope, receive, send)
            return
        try:
            await self._watched(scope, receive, send)
        finally:
            self._places.release()

    async def _refused(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer without the store: a page says it as a page, an API as an API."""
        budget = Budget()
        budget.end(TooManyQueriesError("too many questions at once: try again in a moment"))
        token = CURRENT.set(budget)
        try:
            await self._app(scope, receive, send)
        finally:
            CURRENT.reset(token)

    async def _watched(self, scope: Scope, receive: Receive, send: Send) -> None:
        budget, gone = Budget(), asyncio.Event()
        read = False

        async def nothing_but_the_end() -> Message:
            nonlocal read
            if not read:
                read = True
                return _EMPTY
            await gone.wait()
            return {"type": "http.disconnect"}

        watcher = asyncio.create_task(_watch(receive, budget, gone, self._seconds))
        token = CURRENT.set(budget)
        try:
            await self._app(scope, nothing_but_the_end, send)
        finally:
            CURRENT.reset(token)
            watcher.cancel()


async def _watch(receive: Receive, budget: Budget, gone: asyncio.Event, seconds: float) -> None:
    """End the budget at its time, or when the connection closes; what a GET carries as a body is nobody's."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
        gone.set()
        reason = left()
    except TimeoutError:
        reason = too_long()
    await asyncio.to_thread(budget.end, reason)
