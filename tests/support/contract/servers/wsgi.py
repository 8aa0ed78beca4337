"""A bare WSGI application with the middleware by hand."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from hopline.middleware.wsgi import TraceMiddleware
from support.contract import running
from support.contract.server import (
    IGNORED,
    Broken,
    Caller,
    Subject,
    as_bytes,
    broken_lines,
    dumps,
    endless_lines,
    lines,
    ok,
)

NO_TASK = {"cancelled": "a request of WSGI is no task that could be cancelled"}


def bare(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """An application that is nothing but WSGI; it names its routes in the environment."""
    path: str = environ["PATH_INFO"]
    if path == "/breaks":
        raise Broken("no stock")
    if path.startswith("/ok/"):
        environ["hopline.route"] = "/ok/{number}"
    if path.startswith("/ok/") or path == IGNORED:
        body = dumps(ok())
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
    if path.startswith("/status/"):
        start_response(f"{path[8:]} Whatever", [("Content-Length", "0")])
        return []
    start_response("200 OK", [])
    return as_bytes({"/stream": lines, "/stream-breaks": broken_lines, "/endless": endless_lines}[path]())


@contextmanager
def serve() -> Iterator[Caller]:
    with running.wsgi(TraceMiddleware(bare)) as caller:
        yield caller


SUBJECTS = [Subject("wsgi", serve, leaves_out=NO_TASK)]
