"""What comes as Zipkin goes out as it came, however its parts were posted."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hopline.model import Row
from hopline_collector.formats import zipkin_json, zipkin_protobuf
from hopline_collector.formats.native import message
from hopline_query.exports.zipkin import spans as zipkin_spans
from hopline_query.tree.copies import unite
from support.blocks import rows_of
from support.zipkin_protobuf import encoded

NOW = 1_763_800_010_000_000
Span = dict[str, Any]


def stored(body: bytes, *, protobuf: bool = False) -> list[Row]:
    """The rows that one post leaves, by way of the receiver's own wire messages."""
    decoded = (zipkin_protobuf if protobuf else zipkin_json).decode(body)
    assert not decoded.refused, decoded.refused
    return rows_of([("native", message(batch.process, batch.rows)) for batch in decoded.batches], NOW)


texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Lu", "Lt", "Zs")), max_size=9)
names = st.sampled_from(["", "get /", "poll"])
endpoints = st.fixed_dictionaries(
    {},
    optional={
        "serviceName": st.sampled_from(["front", "kafka", "mysql", "redis"]),
        "ipv4": st.sampled_from(["10.0.0.1", "127.0.0.1"]),
        "ipv6": st.sampled_from(["2001:db8::1"]),
        "port": st.integers(1, 65_535),
    },
)
tags = st.dictionaries(
    st.sampled_from(
        ["", "http.status_code", "error", "kafka.topic", "sql.query", "peer.service", "db.name", "user.id", "é"]
    ),
    texts | st.sampled_from(["200", "503", "true"]),
    max_size=4,
)
notes = st.builds(
    lambda at, value: {"timestamp": NOW - at, "value": value},
    st.integers(0, 9),
    texts.filter(bool) | st.just("v" * 300),
)


@st.composite
def spans(draw: Any, number: int = 1) -> Span:
    """A span with any part of the model."""
    found: Span = {"traceId": draw(st.sampled_from(["6921c0de01234567", "6921c0de0123456789abcdef01234567"]))}
    found |= {"id": f"{number:016x}", "name": draw(names), "tags": draw(tags)}
    found |= {"localEndpoint": draw(endpoints), "remoteEndpoint": draw(endpoints)}
    found |= {"annotations": draw(st.lists(notes, max_size=3, unique_by=str))}
    found |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "parentId": st.just(f"{9:016x}"),
                "kind": st.sampled_from(["CLIENT", "SERVER", "PRODUCER", "CONSUMER"]),
                "timestamp": st.integers(NOW - 9_000_000, NOW),
                "duration": st.integers(1, 10_000_000),
                "debug": st.just(True),
                "shared": st.just(True),
            },
        )
    )
    return found


def plain(found: list[Span]) -> list[str]:
    """Spans in Zipkin's normal form, in one order: nothing empty, annotations by time."""
    return sorted(json.dumps(_bare(span), sort_keys=True) for span in found)


def _bare(span: Span) -> Span:
    kept = {key: value for key, value in span.items() if value not in ("", {}, [])}
    if "annotations" in kept:
        kept["annotations"] = sorted(kept["annotations"], key=lambda note: (note["timestamp"], note["value"]))
    return kept


@given(st.lists(spans(), min_size=1, max_size=1), st.booleans())
def test_a_span_comes_back_as_it_was_sent(posted: list[Span], protobuf: bool) -> None:
    """N8: endpoints, addresses, names, tags, annotations, flags, in JSON and protobuf: got as posted."""
    body = encoded(posted) if protobuf else json.dumps(posted).encode()
    assert plain(zipkin_spans(unite(stored(body, protobuf=protobuf)))) == plain(posted)


@st.composite
def split_spans(draw: Any) -> tuple[Span, list[list[Span]]]:
    """A span, and posts that each say a part of it; every part says its id, kind and endpoint, as senders do."""
    whole = draw(spans())
    whole |= {"kind": "SERVER", "localEndpoint": {"serviceName": "front", "ipv4": "10.0.0.1", "port": 80}}
    whole |= {"timestamp": NOW - 5_000_000, "duration": 4_321, "name": "get /", "parentId": f"{9:016x}"}
    whole.pop("remoteEndpoint")
    shared = {key: whole[key] for key in ("traceId", "id", "kind", "localEndpoint")} | {
        key: whole[key] for key in ("shared", "debug") if key in whole
    }
    parts = [shared | {key: whole[key]} for key in ("name", "timestamp", "duration", "parentId")]
    parts += [shared | {"tags": {key: value}} for key, value in whole["tags"].items()]
    parts += [shared | {"annotations": [note]} for note in whole["annotations"]]
    ordered = draw(st.permutations(parts))
    cuts = sorted(draw(st.sets(st.integers(1, len(ordered) - 1), max_size=3)))
    return whole, [ordered[a:b] for a, b in zip([0, *cuts], [*cuts, len(ordered)], strict=True)]


@given(split_spans())
def test_any_split_of_a_span_over_any_posts_gives_the_same_span(case: tuple[Span, list[list[Span]]]) -> None:
    """N2: start, name, duration, parent, each tag and note in any post and in any order: one span with all of it."""
    whole, posts = case
    rows = [row for post in posts for row in stored(json.dumps(post).encode())]
    assert plain(zipkin_spans(unite(rows))) == plain([whole])
    assert unite(rows) == unite(list(reversed(rows)))
