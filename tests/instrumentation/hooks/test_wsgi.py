"""The WSGI middleware."""

import pytest

from hopline.middleware.wsgi import TraceMiddleware
from hopline.propagation import inbound
from hopline.testing import Recorder

PARENT = "00-6921c0de0123456789abcdef01234567-00f067aa0ba902b7-01"
STATE = "hop=00f067aa0ba902b7;0.3;1000;gateway;z1;h1:8001;GET%20/"


def environ(path="/", method="GET", **headers):
    found = {"REQUEST_METHOD": method, "PATH_INFO": path, "SCRIPT_NAME": "", "REMOTE_ADDR": "10.0.0.9"}
    return found | {f"HTTP_{name.upper()}": value for name, value in headers.items()}


def call(app, request):
    """Status, headers and body as a server would see them."""
    seen = {}

    def start_response(status, headers, exc_info=None):
        seen.update(status=status, headers=dict(headers), exc_info=exc_info)
        return lambda data: None

    body = TraceMiddleware(app)(request, start_response)
    try:
        seen["body"] = b"".join(body)
    finally:
        getattr(body, "close", lambda: None)()
    return seen


def ok(request, start_response):
    request["hopline.route"] = "/orders/{id}"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"fine"]


def test_one_server_row_that_continues_the_trace(recorder):
    """I3: one server row per request, with the caller's path, ids and name."""
    seen = call(ok, environ("/orders/7", traceparent=PARENT, tracestate=STATE))
    row = recorder.one(kind="server")
    assert (row.trace_id, row.span_id, row.parent_id) == (PARENT[3:35], "0.3", PARENT[36:52])
    assert (row.name, row.caller_service) == ("GET /orders/{id}", "gateway")
    assert row.tags == {"http.request.method": "GET", "http.response.status_code": "200"}
    assert row.attrs == {"url.path": "/orders/7", "client.address": "10.0.0.9"}
    assert seen["headers"]["hopline-trace-id"] == row.trace_id
    assert seen["headers"]["hopline-service"] == "shop"
    assert seen["body"] == b"fine"


def test_raw_path_is_never_the_name(recorder):
    """I3: a request without a route is named by its method alone."""

    def plain(request, start_response):
        start_response("404 Not Found", [])
        return []

    call(plain, environ("/secret/4711"))
    row = recorder.one(kind="server")
    assert (row.name, row.error) == ("GET", False)


def test_route_that_cannot_be_read(recorder):
    """I10: an object of a kind that we do not know costs the route, not the request."""

    class Odd:
        @property
        def url_rule(self):
            raise RuntimeError

    def app(request, start_response):
        request["werkzeug.request"] = Odd()
        start_response("200 OK", [])
        return [b"fine"]

    assert call(app, environ())["body"] == b"fine"
    assert recorder.one(kind="server").name == "GET"


def test_streaming_body_runs_inside_the_row(recorder):
    """I3: the row ends with the last chunk, and code between chunks belongs to it."""
    import hopline

    def streaming(request, start_response):
        start_response("200 OK", [])
        for number in range(2):
            with hopline.span(f"chunk {number}"):
                pass
            yield b"x"

    assert call(streaming, environ())["body"] == b"xx"
    assert recorder.tree().splitlines() == [
        "0 server shop GET",
        "  0.1 local shop chunk 0",
        "  0.2 local shop chunk 1",
    ]
    assert hopline.current_span().trace_id == ""


def test_client_that_leaves_is_marked(recorder):
    """I3: a body closed before its end is a disconnect; the application's own close still runs."""
    closed = []

    class Body:
        def __iter__(self):
            return iter([b"one", b"two"])

        def close(self):
            closed.append(True)

    def app(request, start_response):
        start_response("200 OK", [])
        return Body()

    body = TraceMiddleware(app)(environ(), lambda *_: None)
    next(iter(body))
    body.close()
    assert recorder.one(kind="server").error_type == "ClientDisconnect"
    assert closed == [True]


@pytest.mark.parametrize("streamed", [False, True])
def test_error_of_the_application_is_raised_unchanged(recorder, streamed):
    """I3: an error that nobody handles fails the row and goes on to the server."""

    def broken(request, start_response):
        start_response("200 OK", [])
        if streamed:
            return (1 // 0 for _ in [1])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call(broken, environ())
    assert recorder.one(kind="server").error_type == "ZeroDivisionError"


def test_server_errors_fail_the_row(recorder):
    """I3: 5xx is an error of a server row, and exc_info reaches the server."""
    import sys

    def handled(request, start_response):
        try:
            raise KeyError("x")
        except KeyError:
            start_response("503 Service Unavailable", [], sys.exc_info())
        return []

    assert call(handled, environ())["exc_info"][0] is KeyError
    assert recorder.one(kind="server").error_type == "503"


def test_sent_files_stay_the_servers_own_object(recorder):
    """I3: a file wrapper is handed to the server as it is, so that sendfile still works."""

    class Wrapper:
        def __iter__(self):
            return iter([b"file"])

    def app(request, start_response):
        start_response("200 OK", [])
        return request["wsgi.file_wrapper"]()

    request = environ() | {"wsgi.file_wrapper": Wrapper}
    assert isinstance(TraceMiddleware(app)(request, lambda *_: None), Wrapper)
    assert recorder.one(kind="server").duration_us is not None


def test_health_checks_make_no_row(recorder):
    """I3: paths on the ignore list pass untouched."""
    seen = call(ok, environ("/health"))
    assert recorder.spans == []
    assert "hopline-trace-id" not in seen["headers"]


def test_wrapping_twice_is_wrapping_once(recorder):
    """I4: a middleware around an application that is traced already adds no row."""
    call(TraceMiddleware(ok), environ())
    assert len(recorder.spans) == 1


def test_disabled_tracing_passes_everything(recorder):
    """I10: the kill switch leaves the application as it is."""
    import hopline

    hopline.disable()
    assert call(ok, environ())["body"] == b"fine"
    assert recorder.spans == []


def test_unsampled_request_keeps_its_ids():
    """I7: an unsampled trace makes no row and still hands its id on."""
    import hopline

    handed = {}

    def app(request, start_response):
        hopline.inject(handed)
        return ok(request, start_response)

    with Recorder(service="shop") as recorder:
        seen = call(app, environ(traceparent=PARENT[:-2] + "00", tracestate=STATE))
        assert recorder.spans == []
    assert seen["headers"]["hopline-trace-id"] == PARENT[3:35]
    assert inbound.extract(handed, 1024, lambda _: None)[0].flags == 0
