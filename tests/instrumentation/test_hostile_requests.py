"""Requests whose every header is hostile, through both middlewares: they are served, and traced."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

import hopline
from hopline.middleware.asgi import TraceMiddleware
from hopline.middleware.wsgi import TraceMiddleware as WsgiTraceMiddleware
from hopline.propagation import traceparent, tracestate
from hopline.testing import Recorder

VALID = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NAMES = (
    b"traceparent", b"tracestate", b"baggage", b"b3", b"x-b3-traceid", b"x-b3-spanid", b"x-b3-sampled",
    b"x-b3-flags", b"user-agent", b"host", b"x-forwarded-for", b"content-length", b"",
)  # fmt: skip

values = st.one_of(
    st.binary(max_size=300),
    st.just(VALID),
    st.sampled_from([b"hop=00f067aa0ba902b7;0.1", b"0", b"d", b"1", b"uid=a%0d%0aX:1", b"a=" + b"x" * 100_000]),
    st.binary(max_size=40).map(lambda tail: VALID + tail),
    st.binary(max_size=40).map(lambda tail: b"hop=00f067aa0ba902b7;0.1;" + tail),
    st.binary(max_size=40).map(lambda tail: b"uid=%" + tail),
)
headers = st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=len(NAMES) + 3)


def check(recorder: Recorder, said: dict[str, str], onward: dict[str, str]) -> None:
    """The answer names a trace, calls made meanwhile carry a valid context of it, and the row is there."""
    trace_id = said["hopline-trace-id"]
    assert len(trace_id) == 32
    assert traceparent.parse(onward["traceparent"])[0] == int(trace_id, 16)
    assert tracestate.parse([onward["tracestate"]]).valid
    assert not any(char in text for text in onward.values() for char in "\r\n\0")
    assert all(text.isascii() for text in onward.values())
    assert {row.trace_id for row in recorder.spans} <= {trace_id}
    assert recorder.counters()["events"].get("client_errors") is None
    assert recorder.counters()["events"].get("hook_errors") is None


@given(headers)
def test_asgi(headers):
    """P3: random bytes in every header of an ASGI request: it is served, and nothing of ours fails."""
    sent, onward = [], {}

    async def app(scope, receive, send):
        hopline.inject(onward)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers, "client": ("127.0.0.1", 1)}
    with Recorder() as recorder:
        asyncio.run(TraceMiddleware(app)(scope, lambda: asyncio.sleep(0, {"type": "http.request"}), send))
        assert sent[1]["body"] == b"fine"
        check(recorder, {name.decode(): value.decode() for name, value in sent[0]["headers"]}, onward)


@given(headers)
def test_wsgi(headers):
    """P3: the same through WSGI, whose headers are Latin-1 text and come once each."""
    said, onward = {}, {}

    def app(environ, start_response):
        hopline.inject(onward)
        start_response("200 OK", [])
        return [b"fine"]

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/\xff", "REMOTE_ADDR": "127.0.0.1"}
    for name, value in headers:
        environ[f"HTTP_{name.decode().upper().replace('-', '_')}"] = value.decode("latin-1")
    with Recorder() as recorder:
        body = WsgiTraceMiddleware(app)(environ, lambda _status, pairs: said.update(pairs))
        assert list(body) == [b"fine"]
        check(recorder, said, onward)
