"""Flask by its hook."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import flask

from support.contract import running
from support.contract.server import IGNORED, Broken, Caller, Subject, broken_lines, endless_lines, lines, ok
from support.contract.servers.wsgi import NO_TASK


@contextmanager
def serve() -> Iterator[Caller]:
    app = flask.Flask("contract")
    app.logger.setLevel(logging.CRITICAL + 1)

    @app.get("/breaks")
    def breaks() -> str:
        raise Broken("no stock")

    app.get("/ok/<int:number>", endpoint="ok")(lambda number: ok())
    app.get(IGNORED, endpoint="quiet")(ok)
    app.get("/status/<int:code>", endpoint="status")(lambda code: ("", code))
    app.get("/stream", endpoint="stream")(lambda: flask.Response(lines()))
    app.get("/stream-breaks", endpoint="stream_breaks")(lambda: flask.Response(broken_lines()))
    app.get("/endless", endpoint="endless")(lambda: flask.Response(endless_lines()))
    with running.wsgi(app) as caller:
        yield caller


SUBJECTS = [Subject("flask", serve, hooks=("flask",), leaves_out=NO_TASK)]
