"""What comes as OTLP goes out as it came, and what goes out comes in again as it was."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from hopline.model import DEBUG, LOAD_TEST, SAMPLED, Row
from hopline_collector.formats import otlp_json, otlp_protobuf
from hopline_collector.formats.native import message
from hopline_query.exports import otlp
from hopline_query.tree.copies import unite
from support.blocks import rows_of

NOW = 1_763_800_010_000_000
TRACE = "6921c0de0123456789abcdef01234567"


def stored(body: bytes, *, protobuf: bool = False) -> list[Row]:
    """The rows that a post leaves, by way of the receiver's own wire messages."""
    decoded = (otlp_protobuf if protobuf else otlp_json).decode(body)
    assert not decoded.refused, decoded.refused
    return rows_of([("native", message(batch.process, batch.rows)) for batch in decoded.batches], NOW)


texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12)
labels = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
keys = st.sampled_from(["a", "b.c", "server.port", "http.response.status_code", "user.id", "db.system", "url.full"])
simple = st.one_of(
    st.builds(lambda value: {"stringValue": value}, texts.filter(bool)),
    st.builds(lambda value: {"intValue": str(value)}, st.integers(-(2**63), 2**63 - 1)),
    st.builds(lambda value: {"boolValue": value}, st.booleans()),
    st.builds(lambda value: {"doubleValue": value}, st.floats(allow_nan=False, allow_infinity=False)),
    st.sampled_from([{"doubleValue": "NaN"}, {"doubleValue": "-Infinity"}, {"bytesValue": "aGVsbG8="}]),
)
finite = simple.filter(lambda value: "bytesValue" not in value and not isinstance(value.get("doubleValue"), str))
values = st.recursive(
    finite,
    lambda inner: st.one_of(
        st.builds(lambda found: {"arrayValue": {"values": found}}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(
            lambda found: {"kvlistValue": {"values": [{"key": k, "value": v} for k, v in found.items()]}},
            st.dictionaries(st.sampled_from("xyz"), inner, min_size=1, max_size=3),
        ),
    ),
    max_leaves=4,
)


def attributes_of(names: st.SearchStrategy[str], kinds: st.SearchStrategy[Any] = simple | values) -> Any:
    return st.dictionaries(names, kinds, max_size=4).map(lambda d: [{"key": k, "value": v} for k, v in d.items()])


counts = st.sampled_from([0, 0, 3])
links = st.builds(
    lambda number, found, state, lost: {
        "traceId": f"{number:032x}", "spanId": f"{number:016x}", "attributes": found, "traceState": state,
        "droppedAttributesCount": lost,
    },
    st.integers(1, 9), attributes_of(st.sampled_from("pq"), values), st.sampled_from(["", "o=1"]), counts,
)  # fmt: skip
said = st.sampled_from(["boom", "row 7: held", ""]).map(lambda text: {"stringValue": text})
lines = st.just({"stringValue": "a\nb: c"})
events = st.builds(
    lambda name, at, found: {"name": name, "timeUnixNano": f"{NOW + at}000", "attributes": found},
    st.sampled_from(["cache", "exception", "log"]), st.integers(-9, 9),
    attributes_of(st.sampled_from(["message", "m"]), values) | st.fixed_dictionaries(
        {}, optional={"type": said, "message": said | lines | values, "stacktrace": said | lines}
    ).map(lambda found: [{"key": f"exception.{part}", "value": value} for part, value in found.items()]),
)  # fmt: skip


@st.composite
def spans(draw: Any) -> dict[str, Any]:
    """A span without what the documented exceptions name."""
    took = draw(st.none() | st.integers(0, 10_000_000))
    end = {} if took is None else {"endTimeUnixNano": f"{NOW - 5_000_000 + took}000"}
    status = draw(
        st.sampled_from([{}, {"code": 1}, {"code": 2}, {"code": 2, "message": "boom: it broke"}, {"message": "m"}])
    )
    return {
        "traceId": TRACE, "spanId": "", "parentSpanId": draw(st.sampled_from(["", f"{77:016x}"])),
        "name": draw(labels), "kind": draw(st.integers(1, 5)),
        "startTimeUnixNano": f"{NOW - 5_000_000}000", **end, "attributes": draw(attributes_of(keys)),
        "events": draw(st.lists(events, max_size=2)), "links": draw(st.lists(links, max_size=2, unique_by=str)),
        "status": status, "traceState": draw(st.sampled_from(["", "o=1,p=2"])),
        "droppedAttributesCount": draw(counts), "droppedEventsCount": draw(counts), "droppedLinksCount": draw(counts),
    }  # fmt: skip


@st.composite
def requests(draw: Any) -> dict[str, Any]:
    number, groups = 0, []
    for _ in range(draw(st.integers(1, 2))):
        made = draw(st.lists(spans(), min_size=1, max_size=2))
        for span in made:
            number += 1
            span["spanId"] = f"{number:016x}"
        names = ["service.name", "service.version", "host.name", "process.pid", "k8s.pod.name", "team", "a"]
        names += ["deployment.environment", "service.instance.id", "telemetry.sdk.name", "os.type"]
        scope = {
            "name": draw(st.sampled_from(["", "lib"])),
            "version": draw(st.sampled_from(["", "1"])),
            "attributes": draw(attributes_of(st.just("q"), simple)),
            "droppedAttributesCount": draw(counts),
        }
        resource = {"attributes": draw(attributes_of(st.sampled_from(names), simple))}
        resource["droppedAttributesCount"] = draw(counts)
        schemas = [draw(st.sampled_from(["", "https://opentelemetry.io/schemas/1.2.0"])) for _ in range(2)]
        inner = {"scope": scope, "spans": made, "schemaUrl": schemas[0]}
        groups.append({"resource": resource, "scopeSpans": [inner], "schemaUrl": schemas[1]})
    return {"resourceSpans": groups}


def plain(request: Any) -> list[str]:
    """A request as its spans with all that is said of them, defaults left out, in one order."""
    whole = json_format.ParseDict(in_base64(request), ExportTraceServiceRequest())
    found = []
    for group in whole.resource_spans:
        for scope in group.scope_spans:
            for span in scope.spans:
                alone = ExportTraceServiceRequest()
                one = alone.resource_spans.add()
                one.resource.CopyFrom(group.resource)
                one.schema_url = group.schema_url
                inner = one.scope_spans.add()
                inner.scope.CopyFrom(scope.scope)
                inner.schema_url = scope.schema_url
                inner.spans.add().CopyFrom(span)
                found.append(json.dumps(sorted_attributes(json_format.MessageToDict(alone)), sort_keys=True))
    return sorted(found)


def in_base64(value: Any, key: str = "") -> Any:
    """Hex ids as protobuf's own JSON spells bytes."""
    if isinstance(value, dict):
        return {name: in_base64(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [in_base64(item) for item in value]
    ids = {"traceId", "spanId", "parentSpanId"}
    return base64.b64encode(bytes.fromhex(value)).decode() if key in ids else value


def sorted_attributes(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: sorted_attributes(item) for name, item in value.items() if item not in ({}, [])}
    if isinstance(value, list):
        items = [sorted_attributes(item) for item in value]
        keyed = all(isinstance(item, dict) and "key" in item for item in items)
        return sorted(items, key=lambda item: item["key"]) if keyed else items
    return value


@given(requests(), st.booleans())
def test_a_request_comes_back_as_it_was_sent(request: dict[str, Any], protobuf: bool) -> None:
    """N9: types, resource, scope, status, events, links, trace state, dropped counts come back as posted."""
    body = json.dumps(request).encode()
    if protobuf:
        body = json_format.ParseDict(in_base64(request), ExportTraceServiceRequest()).SerializeToString()
    rows = stored(body, protobuf=protobuf)
    assert plain(otlp.request(rows)) == plain(request)


@st.composite
def our_rows(draw: Any) -> Row:
    """A row of our own client, whatever it says."""
    kind = draw(st.sampled_from(["local", "client", "server", "producer", "consumer"]))
    caller = draw(st.sampled_from(["", "gateway"])) if kind == "server" else ""
    failed = draw(st.booleans())
    return Row(
        trace_id=TRACE, kind=kind, service=draw(st.sampled_from("AB")), name=draw(labels),
        start_us=NOW - draw(st.integers(0, 9)), span_id=draw(st.sampled_from(["", "0", "0.1", "~.2"])),
        id=draw(st.sampled_from([f"{n:016x}" for n in (1, 2, 3)])),
        parent_id=draw(st.sampled_from([None, f"{1:016x}", f"{9:016x}"])),
        duration_us=draw(st.none() | st.integers(0, 99)), instance="h1:7", host="h1", zone="z", env="prod", version="2",
        error=failed, error_type=draw(st.sampled_from(["", "Timeout"])) if failed else "",
        error_text=draw(st.sampled_from(["", "no answer"])) if failed else "",
        caller_service=caller, caller_instance=caller and "g:1", caller_zone="", caller_name=caller and "GET /",
        peer="shop" if kind == "client" else "", peer_kind="db" if kind == "client" else "",
        uid=draw(st.sampled_from(["", "u-1"])), annotations=draw(st.sampled_from([[], [(NOW, "cache", "miss")]])),
        tags=draw(st.dictionaries(st.sampled_from("kl"), texts, max_size=2)),
        attrs=draw(st.dictionaries(st.sampled_from(["url.full", "m"]), texts, max_size=2)),
        links=draw(st.sampled_from([[], [("b" * 32, "c" * 16, "producer")]])),
        children=draw(st.integers(0, 2)), attempt=draw(st.integers(0, 2)), weight=draw(st.sampled_from([1_000, 4_000])),
        flags=SAMPLED | draw(st.sampled_from([0, DEBUG, LOAD_TEST])),
    )  # fmt: skip


@given(st.lists(our_rows(), min_size=1, max_size=4))
def test_rows_come_in_again_as_they_went_out(rows: list[Row]) -> None:
    """N9: weight, attempt, load test, child counts, callers, kinds of links: exported and imported, rows are equal."""
    rows = unite(rows)
    made = otlp.request(rows)
    ids = [s["spanId"] for r in made["resourceSpans"] for c in r["scopeSpans"] for s in c["spans"]]
    assert len(set(ids)) == len(rows)
    again = [bare(row) for row in stored(json.dumps(made).encode())]
    assert sorted(map(repr, again)) == sorted(repr(bare(row)) for row in rows)


def bare(row: Row) -> Row:
    """The row without what only its way in tells."""
    attrs = {k: v for k, v in row.attrs.items() if not k.startswith("otel.")}
    tags = {k: v for k, v in row.tags.items() if not k.startswith("otel.")}
    return replace(row, attrs=dict(sorted(attrs.items())), tags=dict(sorted(tags.items())), arrived=0)


@pytest.mark.parametrize(("value", "text"), [({"intValue": "1"}, "1"), ({"stringValue": "1"}, "1")])
def test_a_number_and_its_text_differ(value: dict[str, str], text: str) -> None:
    """N9: `1` and `"1"` are found by one text and go out as they came."""
    span = {"traceId": TRACE, "spanId": f"{5:016x}", "name": "x", "startTimeUnixNano": f"{NOW}000"}
    span |= {"attributes": [{"key": "n", "value": value}]}
    (row,) = stored(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode())
    assert row.tags["n"] == text
    (out,) = otlp.request([row])["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert out["attributes"] == [{"key": "n", "value": value}]
