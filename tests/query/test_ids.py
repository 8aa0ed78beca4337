"""Pasted ids and what they mean."""

import time

import pytest

from hopline_query.search.ids import Found, candidates, created_us, digest, find, trace_id_of

ID = "6921c0de0123456789abcdef01234567"


@pytest.mark.parametrize(
    "text",
    [
        ID,
        ID.upper(),
        f"  {ID}\n",
        f'"{ID}"',
        f"00-{ID}-00f067aa0ba902b7-01",
        f"traceparent: 00-{ID}-00f067aa0ba902b7-01",
        f"{ID}-00f067aa0ba902b7-1",
        f"{ID}-00f067aa0ba902b7-d-a3ce929d0e0e4736",
        f"b3: {ID}-00f067aa0ba902b7",
        "6921c0de-0123-4567-89ab-cdef01234567",
        f"http://127.0.0.1:9411/trace/{ID}?span=00f067aa0ba902b7",
        f"https://zipkin.example/zipkin/traces/{ID}",
        f"https://jaeger.example/trace/{ID}?uiFind=x",
        f"http://h/api/v1/traces/{ID}",
        f"trace_id={ID}",
        f"0x{ID}",
        f'"traceId": "{ID}",',
        f"[orders,{ID},00f067aa0ba902b7,true]",
        f"1-{ID[:8]}-{ID[8:]}",
        f"Root=1-{ID[:8]}-{ID[8:]};Parent=53995c3f42cd8ad8;Sampled=1",
        f"{ID}:00f067aa0ba902b7:0:1",
        f"{ID}...",
        f"ERROR payment failed trace={ID} after 3 tries",
    ],
)
def test_everything_that_names_a_trace(text):
    """U2, Q1, N15: an id in any case, a traceparent, a b3 value, a URL of ours, Zipkin's or Jaeger's."""
    assert trace_id_of(text) == ID
    assert find(text) == Found("trace", ID)


def test_short_ids_are_padded():
    """M8: 16 hex are found by both spellings."""
    assert trace_id_of("89ABcdef01234567") == "000000000000000089abcdef01234567"


@pytest.mark.parametrize("text", ["", "0" * 32, "xyz", ID + "0", "-", "00-zz-1-01"])
def test_what_is_no_id(text):
    """Q1: a text that names no trace is told apart from a trace that is not there."""
    assert trace_id_of(text) is None


def test_opaque_ids():
    """M8: another tracer's id is found by its own spelling, also where it looks like short hex."""
    assert candidates("order-4711.a_b") == [digest("order-4711.a_b")]
    assert candidates("abcdef1234") == ["0000000000000000000000abcdef1234", digest("abcdef1234")]
    assert candidates(ID) == [ID]
    assert candidates("with space") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("u-4711", Found("user", "u-4711")),
        ("4711", Found("user", "4711")),
        ("uid=a b", Found("user", "a b")),
        ("http://h:9411/users/a%2Fb", Found("user", "a/b")),
        ("http.route=/orders", Found("filter", "http.route=/orders")),
        ("http.response.status_code>=500", Found("filter", "http.response.status_code>=500")),
        ("name@example.com", Found("user", "name@example.com")),
        ("http://]/users/a", Found("user", "http://]/users/a")),
        ("", Found("nothing")),
    ],
)
def test_everything_else(text, found):
    """U2: a uid, key=value, or nothing."""
    assert find(text) == found


def test_native_ids_tell_their_time():
    """M1: the first 8 hex of a native id are the second of its creation."""
    assert created_us(ID) == 0x6921C0DE * 1_000_000
    assert created_us("0" * 16 + "1" * 16) is None


@pytest.mark.parametrize("piece", ["/users/", "[", "[a,", "/traces/", "trace_id=", "1-", "a:", " ", "0x", '"'])
def test_no_text_takes_long(piece):
    """R3: what is pasted is read in time that grows with its length alone."""
    began = time.thread_time()
    find("http://h" + piece * 100_000)
    find(piece * 100_000)
    assert time.thread_time() - began < 2
