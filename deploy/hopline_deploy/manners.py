"""What every answer owes to HTTP, whichever route gave it."""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SAFE: Final = {"X-Content-Type-Options": "nosniff"}
"""No answer may be taken for another type than it says: stored text could be made to look like a page."""


class MannersMiddleware:
    """HEAD wherever GET is, ``nosniff`` everywhere, and no second request behind an ambiguous length."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, HEAD as GET, and complete the answer's header."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        head = scope["method"] == "HEAD"
        asked = Headers(scope=scope)
        # RFC 9112, 6.1: whoever sent both may have smuggled what follows.
        ambiguous = "content-length" in asked and "transfer-encoding" in asked

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SAFE.items():
                    headers.setdefault(name, value)
                if ambiguous:
                    headers["Connection"] = "close"
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"} if head else scope, receive, answer)
