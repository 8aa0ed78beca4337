"""The short way in for the headers of our own callers: never another answer than the long way's."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hopline
from hopline import tracer as tracing
from hopline.context import Active
from hopline.lazy_unsampled import LazyUnsampledSpan
from hopline.middleware.asgi import TraceMiddleware
from hopline.propagation import fast_path
from hopline.spans import Span
from hopline.testing import Recorder

TRACE = b"4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = b"00f067aa0ba902b7"
HOP = b"hop=" + PARENT + b";0.1;;gateway;sh-1;h0:8001;POST%20/checkout"


def common_headers(flags: bytes = b"01", state: bytes = HOP, baggage: bytes = b"uid=u1") -> list[tuple[bytes, bytes]]:
    return [
        (b"host", b"shop"),
        (b"traceparent", b"00-" + TRACE + b"-" + PARENT + b"-" + flags),
        (b"tracestate", state),
        (b"baggage", baggage),
    ]


def bent(pattern: str) -> st.SearchStrategy[bytes]:
    """Texts of ``pattern``, a third of them with one character changed, lost or doubled."""

    def bend(parts: tuple[str, int, str]) -> str:
        text, place, more = parts
        place %= len(text) + 1
        return text[:place] + more + text[place + (len(more) != 2) :]

    good = st.from_regex(pattern, fullmatch=True)
    changed = st.tuples(good, st.integers(0, 400), st.text("0aF-=;,.~ %:é", max_size=2)).map(bend)
    return st.one_of(good, good, changed).map(lambda text: text.encode("latin-1", "replace"))


def header(name: bytes, values: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[tuple[bytes, bytes]]]:
    """One header mostly, sometimes none or two of it."""
    sizes = st.sampled_from([1, 1, 1, 1, 0, 2])
    return sizes.flatmap(lambda size: st.lists(values.map(lambda value: (name, value)), min_size=size, max_size=size))


ids = r"(4bf92f3577b34da6a3ce929d0e0e4736|0{31}7|0{32})-(00f067aa0ba902b7|00f067aa0ba902b7|0{16})"
headers = st.tuples(
    header(b"traceparent", bent(rf"00-{ids}-0[0-3]")),
    header(
        b"tracestate",
        bent(r"hop=00f067aa0ba902b7;[0~](\.[1-9]{1,2}){0,90}(;([1-9]000)?(;[a-z%20/]{0,9}){0,5})?(,a=b)?"),
    ),
    header(
        b"baggage",
        bent(r"(uid|load_test|tenant|hop1\.00f067aa0ba902b7\.step)=[a-z0-9:/%]{0,9}(,(uid|b|hop1\.c)=[a-z]{0,9}){0,3}"),
    ),
    st.sampled_from([[], [], [(b"b3", b"1" * 32 + b"-" + b"2" * 16 + b"-1")]]),
).map(lambda found: [pair for pairs in found for pair in pairs])


def seen(span: Span, recorder: Recorder) -> dict[str, object]:
    """All that tells one span from another, but for what is drawn by lot."""
    with span, Active(span):
        onward = hopline.inject({})
        found = {
            "recording": span.recording,
            "given": onward.pop("traceparent").split("-")[3],
            "state": onward["tracestate"].split(";", 1)[1],
            "baggage": onward.get("baggage", "").replace("%3A", ":").replace(span.id, "id"),
            "get": [hopline.get(key) for key in ("uid", "tenant", "step", "b", "load_test")],
            "path": span.span_id,
            "parent": span.entry.remote_id,
            "flags": span.flags,
        }
    rows = [
        (row.caller_service, row.caller_instance, row.caller_zone, row.caller_name, row.weight, row.uid, row.tags)
        for row in recorder.spans
        if row.id == span.id
    ]
    events = recorder.counters()["events"]
    fresh = span.entry.remote_id == 0
    return {**found, "rows": rows, "events": events, "trace": "" if fresh else span.trace_id}


@given(headers, st.sampled_from(["10.0.0.1", "8.8.8.8"]))
def test_the_short_way_gives_the_answer_of_the_long_way(pairs, sender):
    """P3: whatever the headers are, the fast path agrees with the reader of all, counters included."""
    with Recorder() as recorder:
        short = seen(tracing.active().receive_http("op", pairs, sender, lambda: "op"), recorder)
    with Recorder() as recorder:
        long = seen(tracing.active().receive("op", pairs, sender=sender), recorder)
    assert short == long


names = st.sampled_from([b"traceparent", b"tracestate", b"baggage", b"host"])


@given(st.lists(st.tuples(names, st.binary(max_size=300)), max_size=8))
def test_random_headers_never_raise(pairs):
    """P3: random bytes in every header."""
    assert fast_path.read(pairs) in {None, fast_path.NOTHING}


@pytest.mark.parametrize("odd", [None, 7, [7], [(b"traceparent",)], [(b"traceparent", "text")], [("traceparent", b"")]])
def test_headers_of_other_types_are_left_to_others(odd):
    """P3: what is no list of pairs of bytes is not of the common shape."""
    assert fast_path.read(odd) is None


def test_common_headers_are_taken(recorder):
    """P1: a request of one of ours takes the short way: the property above is not empty."""
    row = tracing.active().receive_http("op", common_headers(), None, lambda: "GET /")
    unsampled = tracing.active().receive_http("op", common_headers(b"00"), None, lambda: "GET /")
    assert fast_path.read(common_headers()) is not None
    assert (row.span_id, row.entry.caller, row.uid) == ("0.1", ("gateway", "h0:8001", "sh-1", "POST /checkout"), "u1")
    assert isinstance(unsampled, LazyUnsampledSpan)


def test_an_unsampled_request_passes_everything_on(recorder):
    """I7: ids, path, operation and baggage of an unsampled trace go on, though nothing was read on the way in."""
    with tracing.active().receive_http("op", common_headers(b"00"), None, lambda: "GET /a") as row:
        assert (row.trace_id, row.span_id, row.recording) == (TRACE.decode(), "0.1", False)
        onward = hopline.inject({})
        hopline.set_uid("u2")
        later = hopline.inject({})
    assert onward["traceparent"] == f"00-{TRACE.decode()}-{row.id}-00"
    assert onward["tracestate"].startswith(f"hop={row.id};0.1.1;;shop;;")
    assert onward["tracestate"].endswith("GET%20/a")
    assert (onward["baggage"], later["baggage"]) == ("uid=u1", "uid=u2")
    assert recorder.spans == []


def test_an_answer_reads_nothing_of_an_unsampled_request(recorder, monkeypatch):
    """I7: it says the trace, which the short way knows; the rest of the headers is read only when somebody asks."""
    read = []
    monkeypatch.setattr("hopline.tracer.Tracer.entry_of", lambda *asked: read.append(asked))
    sent = []

    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": common_headers(b"00")}
    asyncio.run(TraceMiddleware(application)(scope, None, send))
    assert (b"hopline-trace-id", TRACE) in sent[0]["headers"]
    assert read == []


def test_threads_of_an_unsampled_request_share_what_is_made_when_first_asked_for(recorder):
    """M11: a uid set in any thread reaches all later calls, whoever asked first."""
    barrier = Barrier(8)

    def put(number: int) -> None:
        barrier.wait(60)
        row.entry.put(f"k{number}", "v")

    for _ in range(20):
        row = tracing.active().receive_http("op", common_headers(b"00"), None, lambda: "GET /")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, range(8)))
        assert {f"k{n}" for n in range(8)} <= set(row.entry.baggage.items())


def test_a_bug_in_the_late_reading_is_ours_alone(recorder, monkeypatch):
    """I10: what fails when the application asks fails quietly, is counted, and keeps the trace."""

    def boom(*_args: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr("hopline.tracer.Tracer.entry_of", boom)
    with tracing.active().receive_http("op", common_headers(b"00"), None, lambda: "GET /"):
        hopline.put("key", "value")
        assert TRACE.decode() in hopline.inject({})["traceparent"]
    assert recorder.counters()["events"]["client_errors"] == 1


def test_callers_are_forgotten_when_they_are_too_many(monkeypatch):
    """P3: no sender can make the memory of callers grow without bound."""
    monkeypatch.setattr(fast_path, "MAX_KNOWN", 3)
    for number in range(1, 20):
        state = b"hop=" + PARENT + b";0.%d" % number
        read = fast_path.read(common_headers(state=state))
        assert read is not None
        assert read[3] == (f"0.{number}", 1000, ("", "", "", ""))
        assert len(fast_path._known) <= 3


@pytest.mark.parametrize("limit", [0, 5, 1024])
def test_untouched_baggage_goes_on_within_the_limit(limit):
    """P4: what nobody touched goes on as it came, unless it is over the limit."""
    with Recorder(baggage_bytes=limit):
        with tracing.active().receive_http("op", common_headers(), None, lambda: "GET /"):
            onward = hopline.inject({})
        assert onward.get("baggage", "") == ("uid=u1" if limit > 5 else "")
