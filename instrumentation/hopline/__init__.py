"""Distributed tracing with hierarchical span ids."""

from typing import Final

__version__: Final = "0.1.0"

from hopline.api import (
    annotate,
    configure,
    counters,
    current_span,
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
