"""Serving below a path, whether or not the proxy in front cuts it off."""

from starlette.types import ASGIApp, Receive, Scope, Send


class BasePathMiddleware:
    """Gives every request the base path: as ASGI's ``root_path``, and at the front of ``path``."""

    def __init__(self, app: ASGIApp, base: str) -> None:
        self._app = app
        self._base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with the path that the routes and the links expect."""
        if scope["type"] in {"http", "websocket"}:
            path = scope["path"]
            whole = path if path == self._base or path.startswith(f"{self._base}/") else self._base + path
            scope = {**scope, "root_path": self._base, "path": whole}
        await self._app(scope, receive, send)


def below(scope: Scope) -> str:
    """The path of a request below the base path."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))
