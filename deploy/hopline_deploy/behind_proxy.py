"""What a proxy in front may say, and what it may not: it names people for the audit log, and makes nobody admin."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from hopline_collector.audit import WHO
from hopline_collector.block.limits import one_line
from hopline_collector.door.problems import problem
from hopline_deploy.access import needed_scope
from hopline_deploy.base_path import below

_MOST: int = 200


class ProxyMiddleware:
    """For servers whose setting `behind_proxy` keeps strangers out, with tokens or without.

    `user_header` is the header in which the proxy names who signed in; empty: it names nobody. Without tokens
    (`guarded` false) no request may administer, whatever it carries.
    """

    def __init__(self, app: ASGIApp, user_header: str, *, guarded: bool) -> None:
        self._app = app
        self._user_header = user_header
        self._guarded = guarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        path = below(scope) if scope["type"] == "http" else ""
        if path and not self._guarded and needed_scope(scope["method"], path) == "admin":
            message = "behind a proxy alone nobody administers: set tokens, and send one of scope admin"
            await problem(403, message)(scope, receive, send)
            return
        if path and self._user_header:
            user = one_line(Headers(scope=scope).get(self._user_header, ""))[:_MOST]
            known = WHO.get()
            if user:
                WHO.set(f"{known} for {user}" if known else user)
        await self._app(scope, receive, send)
