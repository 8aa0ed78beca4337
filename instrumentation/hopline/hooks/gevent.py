"""gevent: greenlets keep the context of the code that started them, as tasks of asyncio do; gevent gives them none."""

from contextvars import copy_context
from typing import Any

from gevent import Greenlet

from hopline.context import current
from hopline.hooks.guard import never_raises
from hopline.noop import NOOP


def install() -> None:
    """Be called for each greenlet that is started; further calls change nothing."""
    Greenlet.add_spawn_callback(_started)


def uninstall() -> None:
    """Be called no longer."""
    Greenlet.remove_spawn_callback(_started)


@never_raises
def _started(greenlet: Any) -> None:
    span = current.get()
    if span is not None and span is not NOOP and greenlet.gr_context is None:
        greenlet.gr_context = copy_context()
