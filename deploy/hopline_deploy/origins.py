"""Which names this server goes by, and which web pages may use it.

A page of a stranger can make a browser on this machine send requests here. It reads no answers (the
browser asks us first, by CORS) unless it gives a name of its own our address (DNS rebinding), and it
changes nothing, for browsers say where a request comes from.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from hopline_collector.door.problems import problem
from hopline_deploy.access import OPEN, is_loopback
from hopline_deploy.base_path import below

ANY: Final = "*"

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OURS: Final = frozenset({"same-origin", "none"})
"""``Sec-Fetch-Site`` of a page of ours, and of what the user typed."""

_PORTS: Final = {"http": 80, "https": 443}
_APIS: Final = ("/api/", "/zipkin/api/", "/v1/")
"""What pages of other origins may be allowed to ask."""


class HostMiddleware:
    """Serves requests that name a host of ours; for servers that only this machine reaches."""

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        """Loopback addresses and ``localhost`` are known; ``names`` are further ones, ``*`` any."""
        self._app = app
        self._any = ANY in names
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 421."""
        if scope["type"] == "http" and not self._any and below(scope) not in OPEN:
            host = _host(Headers(scope=scope).get("host", ""))
            if host and not self._knows(host):
                message = f"not a host of this server: {host[:64]!r}; setting hosts names further ones"
                await problem(421, message, field="host")(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _knows(self, host: str) -> bool:
        return host in self._names or is_loopback(host) or host.endswith(".localhost")


class OriginMiddleware:
    """Refuses whatever changes something on behalf of a page that is not ours."""

    def __init__(self, app: ASGIApp, allowed: Sequence[str]) -> None:
        """``allowed`` origins, such as ``http://grafana:3000``, may read and write; ``*`` lets any page read."""
        self._app = app
        self._allowed = frozenset(origin.lower().rstrip("/") for origin in allowed) - {ANY}
        self._cors = _cors(app, allowed) if allowed else app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["method"] not in _READS and self._foreign(headers):
            message = "a page of another origin may change nothing here; setting allow_origins names those that may"
            await problem(403, message, field="origin")(scope, receive, send)
            return
        await (self._cors if below(scope).startswith(_APIS) else self._app)(scope, receive, send)

    def _foreign(self, headers: Headers) -> bool:
        origins = headers.getlist("origin")
        if any(origin.lower() in self._allowed for origin in origins):
            return False
        # No page can forge this header, and a proxy that rewrites Host leaves it right.
        site = headers.get("sec-fetch-site", "").lower()
        if site:
            return site not in _OURS
        here = headers.get("host", "")
        return any(_place(origin) != _place(f"//{here}", origin) for origin in origins)


def _cors(app: ASGIApp, allowed: Sequence[str]) -> ASGIApp:
    return CORSMiddleware(
        app,
        allow_origins=list(allowed),
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        max_age=600,
    )


def _host(header: str) -> str:
    """The host of a ``Host`` header without its port, in lower case."""
    header = header.strip().lower()
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].rstrip(".")


def _place(address: str, like: str = "") -> tuple[str, int] | None:
    """Host and port of an origin; the port of ``like``'s scheme where none stands. None for what is no origin."""
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS.get(parts.scheme or urlsplit(like).scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None
