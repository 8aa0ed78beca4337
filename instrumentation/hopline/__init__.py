"""Distributed tracing with hierarchical span ids.

Importing this loads next to nothing: the modules of its names come with the first use of any, so that a program which
merely has the library at hand pays nothing for it.
"""

from importlib import import_module

from hopline.version import __version__ as __version__

TYPE_CHECKING = False
"""As type checkers know it; importing `typing` for it would cost more than all else here."""

if TYPE_CHECKING:
    from hopline.api import (
        annotate,
        configure,
        counters,
        current_span,
        detached,
        disable,
        enable,
        extract,
        flush,
        get,
        inject,
        put,
        put_once,
        set_uid,
        shutdown,
        tag,
    )
    from hopline.decorators import trace
    from hopline.hooks import install, uninstall
    from hopline.spans import Span
    from hopline.stages import client_recv, client_send, server_recv, server_send
    from hopline.tracer import span

__all__ = [
    "Span",
    "annotate",
    "client_recv",
    "client_send",
    "configure",
    "counters",
    "current_span",
    "detached",
    "disable",
    "enable",
    "extract",
    "flush",
    "get",
    "inject",
    "install",
    "put",
    "put_once",
    "server_recv",
    "server_send",
    "set_uid",
    "shutdown",
    "span",
    "tag",
    "trace",
    "uninstall",
]

_ELSEWHERE = {
    "Span": "spans",
    "span": "tracer",
    "trace": "decorators",
    **dict.fromkeys(("install", "uninstall"), "hooks"),
    **dict.fromkeys(("client_recv", "client_send", "server_recv", "server_send"), "stages"),
}
"""Where a public name comes from, if not from `api`."""


def __getattr__(name: str) -> object:
    """Load all public names when the first is used, and remove this function.

    CPython 3.11 does not specialise look-ups in a module that has one: each of ``hopline.span`` would take three times
    as long.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = {public: getattr(import_module(f"hopline.{_ELSEWHERE.get(public, 'api')}"), public) for public in __all__}
    names = globals()
    names.update(found)
    names.pop("__getattr__", None)
    return found[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
