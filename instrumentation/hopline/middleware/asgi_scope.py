"""What an ASGI server and an application tell each other, and the route in it."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from hopline.middleware.route import ROUTE_KEY, braces

_LITESTAR: Final = "path_template"
"""Where Litestar's router leaves its route, whole."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def template(scope: Scope) -> str:
    """The route's template as the client sees it, prefixes and mounts included; empty without a route.

    A route knows only the part of the path below what it is mounted or included
    under; the part above comes from the path, parameters put back in their place.
    """
    named = scope.get(ROUTE_KEY) or scope.get(_LITESTAR)
    if named:
        return braces(str(named))
    route = scope.get("route")
    own: str | None = getattr(route, "path", None) if route is not None else None
    if own is None:
        return ""
    path: str = scope["path"]
    regex = getattr(route, "path_regex", None)
    prefix = ""
    if regex is not None and not regex.match(path):
        starts = (i for i, char in enumerate(path) if char == "/" and i)
        prefix = next((path[:i] for i in starts if regex.match(path[i:])), "")
    if prefix:
        own_names = getattr(route, "param_convertors", {})
        values = {str(v): k for k, v in scope.get("path_params", {}).items() if k not in own_names}
        prefix = "/".join(f"{{{values[part]}}}" if part in values else part for part in prefix.split("/"))
    return prefix + own
