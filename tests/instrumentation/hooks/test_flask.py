"""Flask."""

import flask
import pytest
import requests

import hopline
from hopline.middleware.wsgi import TraceMiddleware


def get(client, path):
    """The answer, read and closed as a server does it."""
    return client.get(path, buffered=True)


def shop():
    app = flask.Flask("shop")
    orders = flask.Blueprint("orders", __name__, url_prefix="/orders")

    @orders.get("/<int:number>/lines/<path:line>")
    def one(number, line):
        hopline.set_uid("u-4711")
        return {"number": number, "line": line}

    @app.get("/broken")
    def broken():
        raise ZeroDivisionError("no stock")

    @app.get("/stream")
    def stream():
        @flask.stream_with_context
        def chunks():
            with hopline.span(f"chunk of {flask.request.path}"):
                yield "a"

        return flask.Response(chunks())

    app.register_blueprint(orders)
    return app


@pytest.fixture(params=["hook", "middleware"])
def client(request, install):
    """Flask's own client, over the automatic hook and over the middleware by hand."""
    app = shop()
    if request.param == "hook":
        install("flask")
    else:
        app.wsgi_app = TraceMiddleware(app.wsgi_app)
    return app.test_client()


def test_row_is_named_by_the_route(recorder, client):
    """I3: METHOD and route template, blueprints included, parameters in braces; the uid is on the row."""
    assert get(client, "/orders/7/lines/a/b").status_code == 200
    row = recorder.one(kind="server")
    assert (row.name, row.uid) == ("GET /orders/{number}/lines/{line}", "u-4711")


def test_unknown_path_is_named_by_the_method(recorder, client):
    """I3: never the raw path."""
    assert get(client, "/orders/4711/secret").status_code == 404
    assert recorder.one(kind="server").name == "GET"


def test_streamed_answer(recorder, client):
    """I3: what runs while streaming belongs to the row."""
    assert get(client, "/stream").data == b"a"
    assert [row.span_id for row in recorder.spans] == ["0", "0.1"]
    assert recorder.one(span_id="0.1").name == "chunk of /stream"


def test_unhandled_error_is_named(recorder, install):
    """I3: Flask answers 500 itself; the row still says which error it was."""
    install("flask")
    assert get(shop().test_client(), "/broken").status_code == 500
    row = recorder.one(kind="server")
    assert (row.error_type, row.error_text) == ("ZeroDivisionError", "no stock")
    assert row.tags["http.response.status_code"] == "500"


def test_callee_is_told_the_route(recorder, install, backend):
    """I3: a call made while serving names the route as its caller."""
    install("flask", "requests")
    app = shop()
    app.add_url_rule("/call/<what>", view_func=lambda what: requests.get(f"{backend.url}/ok", timeout=60).text)
    get(app.test_client(), "/call/it")
    assert recorder.one(name="GET /ok").caller_name == "GET /call/{what}"
    assert recorder.one(name="GET /ok").span_id == "0.1"


def test_uninstall_restores_the_original():
    """I4: uninstall brings the original back."""
    hopline.install("flask")
    patched = flask.Flask.wsgi_app
    hopline.install("flask")
    hopline.uninstall("flask")
    assert flask.Flask.wsgi_app is patched.__wrapped__
