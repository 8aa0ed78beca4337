"""What Jaeger's query APIs ask, answered from our store: the legacy JSON and parts of v3."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hopline_query.answers.zipkin import label
from hopline_query.copies import unite
from hopline_query.errors import BadRequestError, NotFoundError
from hopline_query.exports import jaeger, otlp
from hopline_query.ids import trace_id_of
from hopline_query.params import DAY_US, HOUR_US
from hopline_query.search import And, Expression, Term
from hopline_query.store.port import HISTORY_US, RECEIVED, FiguresQuery, Scope, SearchQuery, SpanReader
from hopline_query.units import parse_duration

Json = dict[str, Any]

NAMES_US = 7 * DAY_US
MOST_ROWS = 20_000
MOST_TRACES = 1_500
"""Jaeger's own largest limit."""


def services(reader: SpanReader, now_us: int) -> list[str]:
    """Service names, sorted."""
    found, _, _ = reader.figures(FiguresQuery(_recent(now_us), view="all", histogram=False))
    return sorted({key[0] for key, _ in found})


def operations(reader: SpanReader, now_us: int, service: str, kind: str = "") -> list[Json]:
    """``{"name", "spanKind"}`` of a service, sorted."""
    query = FiguresQuery(
        _recent(now_us),
        view="all",
        service=service,
        kind="local" if kind == "internal" else kind,
        group="operation",
        histogram=False,
    )
    found = sorted({(name, kind) for (_, name, kind), _ in reader.figures(query)[0]})
    return [{"name": name, "spanKind": "internal" if kind == "local" else kind} for name, kind in found]


def traces(reader: SpanReader, now_us: int, values: Mapping[str, str], tags: Sequence[str]) -> list[Json]:
    """The newest traces of a service that match."""
    found, _ = reader.search(search_query(now_us, values, tags))
    rows = reader.many_rows(found, MOST_ROWS)
    return [jaeger.trace(unite(rows[summary.trace_id])) for summary in found]


def by_ids(reader: SpanReader, ids: Sequence[str]) -> list[Json]:
    """The traces of these ids that are there."""
    found = [reader.trace_rows(trace_id(one), MOST_ROWS) for one in ids[:MOST_TRACES]]
    return [jaeger.trace(unite(rows)) for rows in found if rows]


def trace(reader: SpanReader, text: str) -> list[Json]:
    """One trace in a list. Raises :class:`NotFoundError`: an empty list would break Grafana's panel."""
    found = by_ids(reader, [text])
    if not found:
        raise NotFoundError("trace not found")
    return found


def otlp_trace(reader: SpanReader, text: str) -> Json:
    """One trace as OTLP JSON (v3)."""
    rows = reader.trace_rows(trace_id(text), MOST_ROWS)
    if not rows:
        raise NotFoundError("No traces found")
    return {"result": otlp.request(unite(rows))}


def dependencies(reader: SpanReader, values: Mapping[str, str], now_us: int) -> list[Json]:
    """Calls between services; ``endTs`` and ``lookback`` in milliseconds."""
    end = _number(values, "endTs", now_us // 1_000) * 1_000
    width = min(_number(values, "lookback", DAY_US // 1_000) * 1_000, HISTORY_US)
    told: dict[tuple[str, str], dict[bool, int]] = {}
    for edge in reader.edges(Scope(max(0, end - width), max(1, end)))[0]:
        if edge.caller != "USER":
            sides = told.setdefault((label(edge.caller), label(edge.callee)), {})
            received = edge.side in RECEIVED
            sides[received] = sides.get(received, 0) + edge.figures.calls
    service = values.get("service", "")
    return [
        {"parent": parent, "child": child, "callCount": round((sides.get(True) or sides[False]) / 1_000)}
        for (parent, child), sides in sorted(told.items())
        if service in {"", parent, child}
    ]


def search_query(now_us: int, values: Mapping[str, str], tags: Sequence[str]) -> SearchQuery:
    """Our question for Jaeger's parameters. Raises :class:`BadRequestError` in Jaeger's words."""
    service = values.get("service", "")
    if not service:
        raise BadRequestError("parameter 'service' is required", field="service")
    end = _microseconds(_number(values, "end", now_us))
    begin = _microseconds(_number(values, "start", max(0, end - HOUR_US)))
    if begin >= end:
        raise BadRequestError("parameter 'end' must be after 'start'", field="end")
    parts = _tag_terms(values.get("tags", ""), tags)
    limit = _number(values, "limit", 100)
    if not 0 < limit <= MOST_TRACES:
        raise BadRequestError(f"parameter 'limit' must be between 1 and {MOST_TRACES}", field="limit")
    return SearchQuery(
        scope=Scope(max(begin, end - HISTORY_US), end),
        service=service,
        operation=values.get("operation", ""),
        min_span_duration=_duration(values, "minDuration"),
        max_span_duration=_duration(values, "maxDuration"),
        expression=And(tuple(parts)) if len(parts) > 1 else parts[0] if parts else None,
        limit=limit,
        as_of_us=now_us,
    )


def trace_id(text: str) -> str:
    """32 digits of an id. Raises :class:`BadRequestError`."""
    found = trace_id_of(text)
    if found is None:
        raise BadRequestError(f"cannot parse trace ID {text[:64]!r}", field="traceID")
    return found


def _tag_terms(encoded: str, repeated: Sequence[str]) -> list[Expression]:
    """``tags={"k":"v"}`` and repeated ``tag=k:v``."""
    pairs: list[tuple[str, str]] = []
    if encoded:
        try:
            pairs += msgspec.json.decode(encoded, type=dict[str, str], strict=False).items()
        except (msgspec.MsgspecError, RecursionError):
            message = "malformed 'tags' parameter, cannot unmarshal JSON"
            raise BadRequestError(message, field="tags") from None
    for one in repeated:
        key, colon, value = one.partition(":")
        if not colon:
            raise BadRequestError("malformed 'tag' parameter, expecting key:value", field="tag")
        pairs.append((key, value))
    return [_term(key, value) for key, value in pairs]


def _term(key: str, value: str) -> Term:
    """Some of Jaeger's tags are fields of ours."""
    field = {"error": "error", "span.kind": "kind"}.get(key, "")
    return Term(field or key, "=", "local" if key == "span.kind" and value == "internal" else value, field)


def _number(values: Mapping[str, str], name: str, default: int) -> int:
    text = values.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BadRequestError(f"unable to parse param '{name}': not a number", field=name)
    return int(text)


def _microseconds(value: int) -> int:
    """A stored version of Grafana sends milliseconds where Jaeger means microseconds: told by magnitude."""
    if value > 10**17:
        return value // 1_000
    return value * 1_000 if 10**11 < value < 10**14 else value


def _duration(values: Mapping[str, str], name: str) -> int | None:
    text = values.get(name, "").strip()
    return parse_duration(text, name) if text else None


def _recent(now_us: int) -> Scope:
    return Scope(max(0, now_us - NAMES_US), now_us + 1)
