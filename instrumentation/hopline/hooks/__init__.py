"""Hooks into libraries: each patches only what is installed, once, and can be undone.

A hook is a module with ``install()`` and ``uninstall()``; :data:`HOOKS` is the
list of them with the library each needs (``""``: the standard library).
"""

import importlib
import importlib.util
import logging
from typing import Final

HOOKS: Final = {
    "threads": "",
    "httpx": "httpx",
    "kafka_python": "kafka",
    "requests": "requests",
    "urllib3": "urllib3",
    "urllib": "",
    "flask": "flask",
    "django": "django",
    "logging": "",
    "sqlalchemy": "sqlalchemy",
    "redis": "redis",
    "celery": "celery",
    "grpc": "grpc",
    "aiohttp": "aiohttp",
    "aiohttp_server": "aiohttp",
}
"""Name of the hook's module -> import name of the library it needs."""

_logger = logging.getLogger(__name__)


def install(*names: str) -> list[str]:
    """Install the named hooks, or every hook whose library is there; returns those now in place.

    A hook that does not fit its library's version is left out with a warning: the application runs on.
    """
    installed = []
    for name in names or tuple(HOOKS):
        if name not in HOOKS:
            _logger.warning("there is no hook %r; there are %s", name, ", ".join(HOOKS))
        elif _available(HOOKS[name]) and _run(name, "install"):
            installed.append(name)
    return installed


def uninstall(*names: str) -> None:
    """Put back the originals that the named hooks, or all, have replaced."""
    for name in names or tuple(HOOKS):
        if name in HOOKS and _available(HOOKS[name]):
            _run(name, "uninstall")


def _available(library: str) -> bool:
    return not library or importlib.util.find_spec(library) is not None


def _run(name: str, step: str) -> bool:
    try:
        getattr(importlib.import_module(f"hopline.hooks.{name}"), step)()
    except Exception:
        _logger.warning("hook %s: %s failed", name, step, exc_info=True)
        return False
    return True
