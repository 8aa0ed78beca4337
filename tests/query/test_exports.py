"""Downloads and comparisons."""

import csv
import io
import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline.model import Row
from hopline_query.errors import BadRequestError
from hopline_query.exports import FORMATS
from hopline_query.exports.otlp import request
from hopline_query.exports.zipkin import span as zipkin_span
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.tree.build import build_tree
from hopline_query.tree.compare import compare
from hopline_query.tree.copies import unite
from support.any_rows import any_row

NOW = 1_763_800_060_000_000
TRACE = "6921c0de0123456789abcdef01234567"


@pytest.fixture
def export(article):
    noted = [replace(r, annotations=[(r.start_us, "k", "v")], tags={"a": "=1+1"}, uid="u1") for r in article]
    noted[2].error, noted[2].error_type = True, "Timeout"
    service = QueryService(MemoryReader(noted), clock=lambda: NOW)
    return lambda form: service.export(TRACE, form)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_has_a_name_and_a_type(export, form):
    """Q5: json, csv, zipkin, otlp, chrome, mermaid."""
    body, media_type, name = export(form)
    assert body
    assert "/" in media_type
    assert name.startswith(TRACE)


def test_json_is_what_the_collector_takes(export):
    """Q5: the native download is a list of rows with the names of the model."""
    rows = json.loads(export("json")[0])
    assert [r["span_id"] for r in rows] == ["0", "0.1", "0.1", "0.1.1", "0.1.1", "0.2", "0.2"]
    assert rows[0]["flags"] == {"sampled": True, "debug": False, "load_test": False}


def test_csv_is_safe_from_formulas(row):
    """Q5: a cell that a spreadsheet would take for a formula begins with a quote."""
    rows = [row("0", "a", None, "server", name='=HYPERLINK("http://x")', uid="@me", error_text="-1", tags={"k": "v"})]
    body, _, _ = QueryService(MemoryReader(rows), clock=lambda: NOW).export(TRACE, "csv")
    line = next(csv.DictReader(io.StringIO(body.decode())))
    assert (line["name"], line["uid"], line["error_text"]) == ('\'=HYPERLINK("http://x")', "'@me", "'-1")
    assert line["tags"] == "k=v"


def test_zipkin(export):
    """Q5: Zipkin v2 spans; an error is the tag."""
    spans = json.loads(export("zipkin")[0])
    assert [s.get("kind") for s in spans[:3]] == ["SERVER", "CLIENT", "SERVER"]
    assert spans[2]["tags"]["error"] == "Timeout"
    assert spans[1]["remoteEndpoint"] == {"serviceName": "b"}
    assert spans[0]["annotations"] == [{"timestamp": spans[0]["timestamp"], "value": "k=v"}]


def test_zipkin_endpoints(row):
    """Q7: addresses and ports come back where they were; a pid is no port."""
    ours = zipkin_span(row("0", "a", None, "server", instance="10.0.0.1:77", host="h1"))
    assert ours["localEndpoint"] == {"serviceName": "a"}
    theirs = zipkin_span(
        row(
            "",
            "a",
            None,
            "client",
            instance="10.0.0.1:80",
            host="10.0.0.1",
            peer="mysql",
            peer_kind="db",
            attrs={"network.peer.address": "::1", "network.peer.port": "3306"},
        )
    )
    assert theirs["localEndpoint"] == {"serviceName": "a", "ipv4": "10.0.0.1", "port": 80}
    assert theirs["remoteEndpoint"] == {"serviceName": "mysql", "ipv6": "::1", "port": 3306}
    assert "tags" not in theirs


def test_zipkin_names_no_far_end_that_was_only_an_address(row):
    """Q7: without a kind the peer was read from tags, so it is no remote service; a told address and a caller stay."""
    unnamed = {"kind": "client", "peer": "h125:8080"}
    assert "remoteEndpoint" not in zipkin_span(row("0.1", "a", None, **unnamed))
    addressed = zipkin_span(row("0.1", "a", None, **unnamed, attrs={"network.peer.address": "10.0.0.2"}))
    assert addressed["remoteEndpoint"] == {"ipv4": "10.0.0.2"}
    server = zipkin_span(row("0.1", "a", None, "server", caller_service="B"))
    assert server["remoteEndpoint"] == {"serviceName": "b"}


def test_otlp(export):
    """Q5, Q8: one resource per process, nanoseconds as strings."""
    value = json.loads(export("otlp")[0])
    assert len(value["resourceSpans"]) == 4
    span = value["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert span["startTimeUnixNano"] == "1763800000000000000"
    assert span["kind"] == 2


def test_otlp_goes_back_to_its_structure(row):
    """Q5: what the collector keeps of OTLP in tags and attrs is exported where it came from."""
    said = '{"attributes":{"reason":"batch"},"trace_state":"a=1"}'
    one = row(
        *("0", "a", None, "consumer"),
        tags={"otel.scope.name": "lib", "k": "v"},
        attrs={"otel.scope.version": "1.2", "otel.status_code": "OK", "w3c.tracestate": "o=1", "otel.link.0": said},
        links=[("b" * 32, "c" * 16, "producer"), ("d" * 32, "e" * 16, "local")],
    )
    cut = replace(one, id="f" * 16, attrs={"otel.link.0": said[:20]})
    (resource,) = json.loads(FORMATS["otlp"][0](build_tree([one, cut], now_us=NOW)))["resourceSpans"]
    scope, other = resource["scopeSpans"]
    assert scope["scope"] == {"name": "lib", "version": "1.2"}
    assert other["scope"] == {"name": "lib"}
    (span,) = scope["spans"]
    assert (span["traceState"], span["status"]) == ("o=1", {"code": 1})
    assert [a["key"] for a in span["attributes"]] == ["k", "hopline.span_id", "hopline.link_kinds"]
    first, second = span["links"]
    assert first["traceState"] == "a=1"
    assert {a["key"]: a["value"]["stringValue"] for a in first["attributes"]} == {"reason": "batch"}
    assert second["attributes"] == []
    assert "traceState" not in other["spans"][0]["links"][0]


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**63 - 1))
def test_times_of_otlp_are_unsigned_numbers_of_64_bits(sent, noted):
    """N9: a start in nanoseconds or below 0 has none in OTLP's unit: the corrected one goes out, the others as sent."""
    tags = {"source.start_us": str(sent), "hopline.cut": "time_moved"}
    notes = [(noted, "k", "")]
    one = Row(TRACE, "local", "a", "x", NOW, id="a" * 16, duration_us=7, tags=tags, annotations=notes)
    (span,) = request([one])["resourceSpans"][0]["scopeSpans"][0]["spans"]
    start = int(span["startTimeUnixNano"])
    assert start == (sent if 0 <= sent <= (2**64 - 1) // 1_000 else NOW) * 1_000
    for nanoseconds in (start, int(span["endTimeUnixNano"]), int(span["events"][0]["timeUnixNano"])):
        assert 0 <= nanoseconds < 2**64


def test_a_senders_own_tag_is_no_mark_of_ours():
    """N8: only beside its mark is `source.start_us` what the collector corrected."""
    tags = {"source.start_us": "5", "source.duration_us": "6"}
    one = Row(TRACE, "local", "a", "x", NOW, id="a" * 16, duration_us=7, tags=tags)
    found = zipkin_span(one)
    assert (found["timestamp"], found["duration"], found["tags"]) == (NOW, 7, tags)
    assert unite([one, replace(one, duration_us=None, start_us=NOW + 5, tags={})])[0].start_us == NOW


def test_chrome(export):
    """Q5, N11: complete events in microseconds, a process per service, a slice per span."""
    events = json.loads(export("chrome")[0])["traceEvents"]
    assert {e["args"]["name"] for e in events if e["name"] == "process_name"} == {"A", "B", "C", "E"}
    assert sum(e["ph"] == "X" for e in events) == 7


@given(st.lists(any_row(), min_size=1, max_size=12))
def test_slices_of_a_track_never_cross(rows):
    """N11: in each track of the Chrome export slices lie within each other or apart, and every span is there."""
    tree = build_tree(rows, now_us=NOW)
    events = [e for e in json.loads(FORMATS["chrome"][0](tree))["traceEvents"] if e["ph"] == "X"]
    assert len(events) == tree.rows
    tracks = {}
    for event in events:
        tracks.setdefault((event["pid"], event["tid"]), []).append((event["ts"], event["ts"] + event["dur"]))
    for slices in tracks.values():
        for (a, b), (c, d) in itertools.combinations(slices, 2):
            assert b <= c or d <= a or (a <= c and d <= b) or (c <= a and b <= d)


def test_chrome_draws_the_bar_of_the_page(row):
    """Q5, T15, N11: a call's first slice lasts as long as the call in every other view; the callee's own is within."""
    rows = [
        row("0", "a", None, "server", dur=50),
        row("0.1", "b", "a", "client", at=5, dur=30),
        row("0.1", "c", "b", "server", service="B", at=10, dur=12),
    ]
    tree = build_tree(rows, now_us=NOW)
    events = [e for e in json.loads(FORMATS["chrome"][0](tree))["traceEvents"] if e["ph"] == "X"]
    drawn = {e["args"]["span_id"]: e for e in reversed(events)}
    for node in tree.nodes:
        assert (drawn[node.span_id]["ts"], drawn[node.span_id]["dur"]) == (node.start, node.end - node.start)
    assert [e["dur"] for e in events if e["args"]["span_id"] == "0.1"] == [30_000, 12_000]


def test_mermaid(export, row):
    """Q5: a sequence diagram whose text cannot break out."""
    text = export("mermaid")[0].decode()
    assert "s0->>s1" in text
    assert "-x" in text
    hostile = build_tree([row("0", "a", None, "server", service="A\nNote over x: <b>", name="x;\nend")], now_us=NOW)
    lines = FORMATS["mermaid"][0](hostile).decode().splitlines()
    assert len(lines) == 4
    assert not set("<>;") & set("".join(lines).replace("->>", ""))


def test_mermaid_shows_a_message_in_two_legs(row):
    """T14, Q5: the producer's send and the consumer's work are two lines, each with its own time."""
    rows = [
        row("0", "p", None, "producer", service="A", name="send", dur=4.7, peer="orders", peer_kind="mq"),
        row("0", "c", "p", "consumer", service="B", name="process", at=50, dur=42, peer="orders", peer_kind="mq"),
    ]
    lines = FORMATS["mermaid"][0](build_tree(rows, now_us=NOW)).decode().splitlines()
    assert lines[1:] == [
        "  participant s0 as A",
        "  participant s1 as orders",
        "  participant s2 as B",
        "  s0->>s1: send (4.7 ms)",
        "  s1->>s2: process (42 ms)",
    ]


def test_unknown_format(export):
    """Q5: an unknown format is a bad request."""
    with pytest.raises(BadRequestError):
        export("exe")


def test_compare(article, row):
    """U5: calls match by service, operation and ordinal; what only one trace has is told."""
    slower = [replace(r, duration_us=r.duration_us * 2) for r in article]
    slower.append(row("0.3", "f", "a", "client", service="A", peer="F", at=80))
    rows = compare(build_tree(article, now_us=NOW), build_tree(slower, now_us=NOW))
    assert [(r["depth"], r["service"], r["status"]) for r in rows] == [
        (0, "A", "both"),
        (1, "B", "both"),
        (2, "C", "both"),
        (1, "E", "both"),
        (1, "A", "b"),
    ]
    assert rows[0]["delta_us"] == 100_000
    assert rows[-1]["a"] is None
