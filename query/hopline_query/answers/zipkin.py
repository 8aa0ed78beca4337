"""What Zipkin's query API asks, answered from our store (zipkin2-api.yaml and the server's source).

Where the specification is silent the server's behaviour counts: names are compared in lower
case, different spans of the service may satisfy the parts of a query, the newest traces win.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from hopline.model import Row
from hopline_query.aggregate import VIRTUAL
from hopline_query.copies import unite
from hopline_query.errors import BadRequestError, NotFoundError
from hopline_query.exports import zipkin
from hopline_query.params import DAY_US
from hopline_query.search import And, Expression, Or, Term
from hopline_query.store.port import HISTORY_US, RECEIVED, FiguresQuery, Scope, SearchQuery, SpanReader

Trace = list[zipkin.Span]

HEX = re.compile(r"[0-9a-f]+")
NAMES_US = 7 * DAY_US
"""Names of services and spans are those of this long."""
MOST_ROWS = 20_000
"""Spans of one trace in an answer."""
MOST_TRACES = 1_000


def services(reader: SpanReader, now_us: int) -> list[str]:
    """Service names in lower case, sorted."""
    return sorted({name.lower() for name in _services(reader, now_us)})


def span_names(reader: SpanReader, now_us: int, service: str) -> list[str]:
    """Names of a service's spans."""
    found = {name.lower() for _, name in _operations(reader, now_us, service)}
    return sorted(name for name in found if name)


def remote_services(reader: SpanReader, now_us: int, service: str) -> list[str]:
    """Far ends that a service's spans name."""
    edges, _ = reader.edges(_recent(now_us))
    asked = service.lower()
    found = set()
    for edge in edges:
        if edge.side in RECEIVED and edge.callee.lower() == asked and edge.caller != "USER":
            found.add(label(edge.caller))
        elif edge.side not in RECEIVED and edge.caller.lower() == asked:
            found.add(label(edge.callee))
    return sorted(name.lower() for name in found)


def traces(reader: SpanReader, now_us: int, values: Mapping[str, str]) -> list[Trace]:
    """The newest traces that match, newest first."""
    query = search_query(reader, now_us, values)
    if query is None:
        return []
    found, _ = reader.search(query)
    rows = reader.many_rows(found, MOST_ROWS)
    return [_spans(rows[summary.trace_id]) for summary in found]


def trace(reader: SpanReader, text: str) -> Trace:
    """One trace. Raises :class:`NotFoundError` with Zipkin's words."""
    rows = reader.trace_rows(trace_id(text), MOST_ROWS)
    if not rows:
        raise NotFoundError(f"{zipkin.trace_id(trace_id(text))} not found", field="traceId")
    return _spans(rows)


def many(reader: SpanReader, text: str | None) -> list[Trace]:
    """Several traces by comma-separated ids; those that are not there are left out."""
    if text is None:
        raise mandatory("traceIds")
    asked = [part.strip() for part in text.split(",") if part.strip()]
    if not asked:
        raise BadRequestError("traceIds parameter is empty", field="traceIds")
    if len(asked) == 1:
        raise BadRequestError("Use /api/v2/trace/{traceId} endpoint to retrieve a single trace", field="traceIds")
    ids = [trace_id(part) for part in asked]
    repeated = [asked[i] for i, one in enumerate(ids) if one in ids[:i]]
    if repeated:
        raise BadRequestError(f"redundant traceId: {repeated[0]}", field="traceIds")
    found = [reader.trace_rows(one, MOST_ROWS) for one in ids[:MOST_TRACES]]
    return [_spans(rows) for rows in found if rows]


def dependencies(reader: SpanReader, values: Mapping[str, str]) -> list[dict[str, Any]]:
    """Links between services over ``lookback`` before ``endTs``, both in milliseconds."""
    if not values.get("endTs"):
        raise mandatory("endTs")
    scope = _scope(values, 0)
    calls: Counter[tuple[str, str]] = Counter()
    errors: Counter[tuple[str, str]] = Counter()
    sides: dict[tuple[str, str], dict[bool, tuple[int, int]]] = {}
    for edge in reader.edges(scope)[0]:
        if edge.caller == "USER":
            continue
        pair = (label(edge.caller).lower(), label(edge.callee).lower())
        told = sides.setdefault(pair, {})
        before = told.get(edge.side in RECEIVED, (0, 0))
        told[edge.side in RECEIVED] = (before[0] + edge.figures.calls, before[1] + edge.figures.errors)
    for pair, told in sides.items():
        calls[pair], errors[pair] = told.get(True) or told[False]
    return [
        {"parent": parent, "child": child, "callCount": round(calls[parent, child] / 1_000)}
        | ({"errorCount": round(errors[parent, child] / 1_000)} if errors[parent, child] else {})
        for parent, child in sorted(calls)
    ]


def search_query(reader: SpanReader, now_us: int, values: Mapping[str, str]) -> SearchQuery | None:
    """Our question for Zipkin's parameters; None where a name is not known, so nothing can match."""
    scope = _scope(values, now_us)
    limit = _positive(values, "limit", 10)
    low, high = _positive(values, "minDuration", 0), _positive(values, "maxDuration", 0)
    if high and not low:
        raise BadRequestError("maxDuration is only valid with minDuration", field="maxDuration")
    if high and high < low:
        raise BadRequestError("maxDuration < minDuration", field="maxDuration")
    service, name, remote = (_name(values, key) for key in ("serviceName", "spanName", "remoteServiceName"))
    actual = next((s for s in sorted(_services(reader, now_us)) if s.lower() == service), "")
    if service and not actual:
        return None
    parts = _annotation_terms(values.get("annotationQuery") or "")
    if name:
        spellings = sorted({n for _, n in _operations(reader, now_us, actual) if n.lower() == name}) or [name]
        parts.append(_either([_term("name", spelling) for spelling in spellings]))
    if remote:
        parts.append(Or((_term("peer", remote), _term("caller_service", remote))))
    return SearchQuery(
        scope=scope,
        service=actual,
        min_span_duration=low or None,
        max_span_duration=high or None,
        expression=And(tuple(parts)) if len(parts) > 1 else parts[0] if parts else None,
        limit=min(limit, MOST_TRACES),
        as_of_us=now_us,
    )


def trace_id(text: str) -> str:
    """32 digits of an id as Zipkin takes it. Raises :class:`BadRequestError` with Zipkin's words."""
    text = text.strip()
    if len(text) > 32:
        raise BadRequestError("traceId.length > 32", field="traceId")
    if not HEX.fullmatch(text.lower()):
        raise BadRequestError(f"{text} should be lower-hex encoded with no prefix", field="traceId")
    if not text.strip("0"):
        raise BadRequestError("traceId is all zeros", field="traceId")
    return text.lower().rjust(32, "0")


def mandatory(name: str) -> BadRequestError:
    """Zipkin's words for a missing parameter."""
    return BadRequestError(f"Mandatory parameter/header/attribute is missing: {name}", field=name)


def label(node: str) -> str:
    """The name of a node of the map without its kind."""
    head, _, rest = node.partition(":")
    return rest if head in VIRTUAL and rest else node


def _annotation_terms(text: str) -> list[Expression]:
    """``k=v and word``: tags, and words that are a tag's key or an annotation."""
    parts: list[Expression] = []
    for part in text.split(" and "):
        key, found, value = part.strip().partition("=")
        if not key:
            continue
        if found:
            parts.append(Term(key, "=", value, "", part))
        else:
            parts.append(Term(key, "exists", "", "error" if key == "error" else "", part))
    return parts


def _term(field: str, value: str) -> Term:
    return Term(field, "=", value, field)


def _either(parts: list[Term]) -> Expression:
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _name(values: Mapping[str, str], key: str) -> str:
    value = (values.get(key) or "").strip().lower()
    return "" if value == "all" and key != "serviceName" else value


def _scope(values: Mapping[str, str], now_us: int) -> Scope:
    end = _positive(values, "endTs", now_us // 1_000)
    lookback = _positive(values, "lookback", min(DAY_US // 1_000, end))
    # The end counts as inside.
    end_us = min(end, 253_402_300_799_000) * 1_000 + 1_000
    return Scope(max(0, end_us - 1_000 - min(lookback * 1_000, HISTORY_US)), end_us)


def _positive(values: Mapping[str, str], key: str, default: int) -> int:
    text = (values.get(key) or "").strip()
    if not text:
        return default
    if not re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII):
        raise BadRequestError(f'For input string: "{text[:64]}"', field=key)
    if int(text) <= 0:
        raise BadRequestError(f"{key} <= 0", field=key)
    return int(text)


def _recent(now_us: int) -> Scope:
    return Scope(max(0, now_us - NAMES_US), now_us + 1)


def _services(reader: SpanReader, now_us: int) -> set[str]:
    found, _, _ = reader.figures(FiguresQuery(_recent(now_us), view="all", histogram=False))
    return {key[0] for key, _ in found}


def _operations(reader: SpanReader, now_us: int, service: str) -> set[tuple[str, str]]:
    found, _, _ = reader.figures(FiguresQuery(_recent(now_us), view="all", group="operation", histogram=False))
    asked = service.lower()
    return {(name, operation) for (name, operation, _), _ in found if not asked or name.lower() == asked}


def _spans(rows: list[Row]) -> Trace:
    return zipkin.spans(unite(rows))
