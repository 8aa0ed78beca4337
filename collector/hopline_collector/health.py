"""``/health/live`` and ``/health/ready``: answered by the event loop, whatever the worker threads are at."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

STRANGER: Final = "hopline.stranger"
"""Key of a request's scope, true for one that came without a token: it is told which parts are unwell, not how."""

_PATIENCE_SECONDS: Final = 1.0
_HANG_SECONDS: Final = 10.0

Check = Callable[[], Mapping[str, str]]
_UNWELL: Final = "unwell; the log, or this address asked with a token, says more"


class Examination:
    """Looks for troubles in a thread of its own, one look at a time however many ask.

    ``check`` returns what stands in the way, by part; ``at_once`` returns more of it and never waits.
    """

    def __init__(self, check: Check, at_once: Check = dict) -> None:
        self._check = check
        self._at_once = at_once
        self._since = 0.0
        self._pool = ThreadPoolExecutor(1, "hopline-health")
        self._lock = threading.Lock()
        self._look: Future[Mapping[str, str]] | None = None
        self._known: Mapping[str, str] = {"store": "nobody knows yet: the first look at it takes its time"}

    async def troubles(self) -> Mapping[str, str]:
        """What this look finds, or the last one where this takes longer than a second."""
        with self._lock:
            if self._look is None or self._look.done():
                self._look, self._since = self._pool.submit(self._check), time.monotonic()
            look = self._look
        done, _ = await asyncio.wait([asyncio.wrap_future(look)], timeout=_PATIENCE_SECONDS)
        if done:
            self._known = look.result()
        waits = time.monotonic() - self._since
        hangs = {"store": f"a look at it has taken {waits:.0f} s"} if not done and waits > _HANG_SECONDS else {}
        return {**self._known, **hangs, **self._at_once()}


def add_routes(
    router: APIRouter, check: Check, fatal: AbstractSet[str], alive: Callable[[], bool], at_once: Check = dict
) -> None:
    """Add both to ``router``; not ready (503) while a part of ``fatal`` is in trouble, dead while not ``alive``."""
    examination = Examination(check, at_once)

    @router.get("/health/live", include_in_schema=False)
    async def live() -> Response:
        return JSONResponse({"status": "up"}, 200 if alive() else 503)

    @router.get("/health/ready", include_in_schema=False)
    async def ready(request: Request) -> Response:
        troubles = await examination.troubles()
        down = bool(fatal & set(troubles))
        if request.scope.get(STRANGER):
            troubles = dict.fromkeys(troubles, _UNWELL)
        return JSONResponse({"status": "down" if down else "up", "troubles": dict(troubles)}, 503 if down else 200)
