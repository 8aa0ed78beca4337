"""Hooks into libraries: each patches only what is installed, once, and can be undone.

A hook is a module with ``install()`` and ``uninstall()``; :data:`HOOKS` is the
list of them with the library each needs (``""``: the standard library).
"""

import functools
import importlib
import importlib.util
import sys
from typing import Final

from hopline.counts import logger
from hopline.hooks.on_import import ImportWatch

HOOKS: Final = {
    "threads": "",
    "gevent": "gevent",
    "starlette": "starlette",
    "httpx": "httpx",
    "httpx2": "httpx2",
    "kafka_python": "kafka",
    "aiokafka": "aiokafka",
    "confluent_kafka": "confluent_kafka",
    "aio_pika": "aio_pika",
    "requests": "requests",
    "urllib3": "urllib3",
    "urllib": "",
    "flask": "flask",
    "django": "django",
    "django_db": "django",
    "logging": "",
    "sqlalchemy": "sqlalchemy",
    "psycopg": "psycopg",
    "asyncpg": "asyncpg",
    "pymysql": "pymysql",
    "pymongo": "pymongo",
    "sqlite3": "",
    "redis": "redis",
    "celery": "celery",
    "rq": "rq",
    "dramatiq": "dramatiq",
    "arq": "arq",
    "apscheduler": "apscheduler",
    "grpc": "grpc",
    "aiohttp": "aiohttp",
    "aiohttp_server": "aiohttp",
    "websockets": "websockets",
}
"""Name of the hook's module -> import name of the library it needs."""

BY_NAME_ONLY: Final = frozenset({"sqlite3"})
"""Hooks that ``install()`` leaves out: their rows are many and short."""

_TRIGGERS: Final = {
    "logging": "logging",
    "urllib": "urllib.request",
    "starlette": "starlette.applications",
    "django": "django.core.handlers.base",
    "django_db": "django.db.backends.base.base",
    "aiohttp_server": "aiohttp.web",
    "apscheduler": "apscheduler.executors.base",
}
"""Module whose import brings a hook, where that is not the library itself."""

_watch = ImportWatch()


def install(*names: str) -> list[str]:
    """Install the named hooks, or every hook whose library is there; returns their names.

    Named hooks are installed at once; without names, each as soon as its library is imported.
    A hook that does not fit its library's version is left out with a warning: the application runs on.
    """
    if not names:
        return _install_all()
    installed = []
    for name in names:
        if name not in HOOKS:
            logger().warning("there is no hook %r; there are %s", name, ", ".join(HOOKS))
        elif _available(HOOKS[name]) and _run(name, "install"):
            installed.append(name)
    return installed


def uninstall(*names: str) -> None:
    """Put back the originals that the named hooks, or all, have replaced."""
    if not names:
        _watch.forget()
    for name in names or tuple(HOOKS):
        if name in HOOKS and f"{__name__}.{name}" in sys.modules:
            _run(name, "uninstall")


def _install_all() -> list[str]:
    available = [name for name, library in HOOKS.items() if name not in BY_NAME_ONLY and _available(library)]
    for name in available:
        action = functools.partial(_run, name, "install")
        trigger = _TRIGGERS.get(name, HOOKS[name])
        if trigger:
            _watch.when_imported(trigger, action)
        else:
            action()
    return available


def _available(library: str) -> bool:
    return not library or importlib.util.find_spec(library) is not None


def _run(name: str, step: str) -> bool:
    try:
        getattr(importlib.import_module(f"{__name__}.{name}"), step)()
    except Exception:
        logger().warning("hook %s: %s failed", name, step, exc_info=True)
        return False
    return True
