"""What a sender may decide for us: B3 without ids, debugging, and whose trace goes on behind an ingress."""

import pytest

import hopline
from hopline import tracer as tracing
from hopline.limits import names_a_secret, words_of
from hopline.middleware.wsgi import TraceMiddleware
from hopline.testing import Recorder

PARENT = "00-6921c0de0123456789abcdef01234567-00f067aa0ba902b7-01"
TRACE, SPAN = "463ac35c9f6413ad48485a3953bb6124", "a2fb4a1d1a96d312"


def serve(headers, address="127.0.0.1", **settings):
    """Rows of one request, and the flags that its calls would carry."""
    carried = {}

    def app(environ, start_response):
        with hopline.span("inside"):
            carried.update(hopline.inject({}))
        start_response("200 OK", [])
        return []

    found = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    with Recorder(**settings) as recorder:
        TraceMiddleware(app)(
            {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "REMOTE_ADDR": address, **found}, lambda *_: None
        )
        return [row for row in recorder.spans if row.kind == "server"], carried["traceparent"]


@pytest.mark.parametrize("sample", [1.0, 0.0])
@pytest.mark.parametrize(
    ("headers", "recorded"),
    [
        ({"b3": "0"}, False),
        ({"b3": "d"}, True),
        ({"b3": "1"}, True),
        ({"X-B3-Sampled": "0"}, False),
        ({"X-B3-Sampled": "false"}, False),
        ({"X-B3-Sampled": "1"}, True),
        ({"X-B3-Flags": "1"}, True),
        ({"b3": f"{TRACE}-{SPAN}"}, None),
        ({"b3": f"{TRACE}-{SPAN}-0"}, False),
        ({"b3": f"{TRACE}-{SPAN}-d"}, True),
        ({"X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN, "X-B3-Sampled": "true"}, True),
        ({"X-B3-TraceId": TRACE, "X-B3-Sampled": "1"}, None),
        ({"b3": "nonsense"}, None),
        ({"b3": "nonsense", "X-B3-Sampled": "0"}, False),
        ({"b3": f"{TRACE}-bad-1", "X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN, "X-B3-Sampled": "0"}, False),
        ({"b3": "0", "X-B3-TraceId": "x", "X-B3-Sampled": "1"}, False),
        ({"traceparent": "bad", "b3": "0"}, False),
    ],
)
def test_b3_decides_with_and_without_ids(headers, recorded, sample):
    """P2, N16: a decision counts though no ids came with it; without one it is ours."""
    rows, traceparent = serve(headers, sample=sample)
    expected = bool(sample) if recorded is None else recorded
    assert len(rows) == expected
    assert int(traceparent[-2:], 16) & 1 == expected
    ids = any(TRACE in value for value in headers.values()) and any(SPAN in value for value in headers.values())
    assert (traceparent[3:35] == TRACE) == ids


@pytest.mark.parametrize(
    ("address", "follow", "recorded"), [("8.8.8.8", False, 0), ("8.8.8.8", True, 1), ("10.0.0.1", False, 1)]
)
def test_a_strangers_debug_does_not_beat_our_decision(address, follow, recorded):
    """P5, N16: with follow_inbound off, debugging is forced by trusted senders only."""
    rows, _ = serve({"b3": f"{TRACE}-{SPAN}-d"}, address, follow_inbound=follow, sample=0)
    assert len(rows) == recorded


@pytest.mark.parametrize(
    ("address", "forwarded", "continued"),
    [
        ("10.0.0.5", "203.0.113.7", False),  # the ingress says that a stranger calls
        ("10.0.0.5", "10.9.9.9, 203.0.113.7", False),  # who writes a private address in front
        ("10.0.0.5", "203.0.113.7, 10.0.0.6", False),  # through two proxies of ours
        ("10.0.0.5", "10.2.0.1", True),  # one of ours through the ingress
        ("10.2.0.1", "", True),  # one of ours, directly
        ("10.2.0.1", "203.0.113.7", True),  # whatever it writes
        ("203.0.113.7", "10.2.0.1", False),  # a stranger, directly, whatever it writes
        ("10.0.0.5", "", True),  # the ingress itself
    ],
)
def test_an_edge_continues_the_traces_of_its_own_only(address, forwarded, continued):
    """P5: accept_inbound=trusted behind named proxies: the caller is whom the proxies saw, not the proxy."""
    headers = {"traceparent": PARENT, **({"X-Forwarded-For": forwarded} if forwarded else {})}
    [row], _ = serve(headers, address, accept_inbound="trusted", trusted_proxies="10.0.0.0/24")
    assert (row.trace_id == PARENT[3:35]) == continued
    assert bool(row.links) != continued


def test_new_traces_say_that_they_are_random():
    """P1, N16: W3C level 2: ids of ours are random, and the flag says so."""
    with Recorder(), hopline.span("root"):
        assert hopline.inject({})["traceparent"].endswith("-03")
    assert tracing.active() is not None


@pytest.mark.parametrize(
    ("key", "masked"),
    [
        ("password", True),
        ("db.passwd", True),
        ("user_pwd", True),
        ("accessToken", True),
        ("refresh-token", True),
        ("X-Api-Key", True),
        ("apikey", True),
        ("apiKey", True),
        ("http.request.header.set-cookie", True),
        ("Set_Cookie", True),
        ("card.number", True),
        ("client_secret", True),
        ("gen_ai.usage.input_tokens", False),
        ("tokens", False),
        ("tokenizer", False),
        ("discarded", False),
        ("cardinality", False),
        ("secretary", False),
        ("author", False),
    ],
)
def test_masks_match_whole_words(key, masked):
    """I8: a key is masked where it holds a secret's name as a whole word, however its words are written."""
    with Recorder() as recorder:
        with hopline.span("row", tags={key: "value"}):
            pass
        assert (recorder.one(name="row").tags[key] == "***") == masked
    assert names_a_secret(key, (words_of("no such word"),)) is False
