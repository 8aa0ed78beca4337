"""What Jaeger's query APIs ask, answered from our store: the legacy JSON and parts of v3."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hopline_collector.block.limits import stored_text
from hopline_query.answers.raw import Traces
from hopline_query.dialects.zipkin import label
from hopline_query.errors import BadRequestError, NotFoundError
from hopline_query.exports import jaeger, jaeger_summary, otlp
from hopline_query.latency.figures import WEIGHT
from hopline_query.params import AHEAD_US, DAY_US
from hopline_query.search.aliases import meant
from hopline_query.search.fields import flag
from hopline_query.search.filter import Expression, Or, Term, all_of
from hopline_query.search.ids import trace_id_of
from hopline_query.search.kept import kept
from hopline_query.service import QueryService
from hopline_query.store.port import HISTORY_US, Scope, SearchQuery
from hopline_query.topology.aggregate import USER
from hopline_query.topology.links import links_of
from hopline_query.units import parse_duration, parse_time

Json = dict[str, Any]

Answer = tuple[list[Json], bool]
"""What is answered, and whether it was cut."""

LOOKBACK_US = 2 * DAY_US
"""How far back a search without a start looks, as Jaeger's does."""

NOTED = frozenset({"event", "message"})
"""Fields of a log, under which an annotation is shown: Jaeger's tags are looked for in logs too."""

FACTS = frozenset({"zone", "env", "version"})
"""Tags of a process that are shown under our fields' names."""

MOST_TRACES = 1_500
"""Jaeger's own largest limit."""


def services(service: QueryService) -> list[str]:
    """Service names, sorted."""
    return [name for (name,) in service.named(("service",))]


def operations(service: QueryService, asked: str, kind: str = "") -> list[Json]:
    """``{"name", "spanKind"}`` of a service, sorted."""
    wanted = "local" if kind == "internal" else kind
    found = service.named(("name", "kind"), [asked])
    spoken = ((name, "internal" if known == "local" else known) for name, known in found if wanted in {"", known})
    return [{"name": name, "spanKind": known} for name, known in spoken]


def traces(service: QueryService, values: Mapping[str, str], tags: Sequence[str]) -> Answer:
    """The newest traces of a service that match."""
    return _traces(service.rows_of_newest([search_query(service.clock(), values, tags)]))


def by_ids(service: QueryService, ids: Sequence[str]) -> Answer:
    """The traces of these ids that are there, each once."""
    return _traces(service.rows_by_ids([trace_id(one) for one in ids], "traceID"))


def trace(service: QueryService, text: str) -> Answer:
    """One trace in a list. Raises :class:`NotFoundError`: an empty list would break Grafana's panel."""
    found = by_ids(service, [text])
    if not found[0]:
        raise NotFoundError("trace not found")
    return found


def otlp_traces(service: QueryService, values: Mapping[str, str]) -> Json:
    """The newest traces that match, as one OTLP JSON (v3)."""
    made = [otlp.request(rows) for rows in _newest(service, values).traces]
    return {"result": {"resourceSpans": [one for request in made for one in request["resourceSpans"]]}}


def trace_summaries(service: QueryService, values: Mapping[str, str]) -> Json:
    """What a list shows of the newest traces that match (v3)."""
    return {"summaries": [jaeger_summary.summary(rows) for rows in _newest(service, values).traces]}


def _newest(service: QueryService, values: Mapping[str, str]) -> Traces:
    now_us = service.clock()
    return service.rows_of_newest([search_query(now_us, v3_values(values, now_us), ())])


def otlp_trace(service: QueryService, text: str) -> Json:
    """One trace as OTLP JSON (v3)."""
    found = service.rows_by_ids([trace_id(text)], "traceID").traces
    if not found:
        raise NotFoundError("No traces found")
    return {"result": otlp.request(found[0])}


def dependencies(service: QueryService, values: Mapping[str, str]) -> Answer:
    """Calls between services; ``endTs`` and ``lookback`` in milliseconds."""
    end = _number(values, "endTs", service.clock() // 1_000) * 1_000
    width = _number(values, "lookback", DAY_US // 1_000) * 1_000
    scope = _scope(max(0, end - width), max(1, end), "lookback")
    edges, _, truncated = service.edges(scope)
    links = links_of(
        (edge for edge in edges if edge.caller != USER), lambda edge: (label(edge.caller), label(edge.callee))
    )
    name = values.get("service", "")
    found = [
        {"parent": parent, "child": child, "callCount": round(link.calls / WEIGHT)}
        for (parent, child), link in sorted(links.items())
        if name in {"", parent, child}
    ]
    return found, truncated


def search_query(now_us: int, values: Mapping[str, str], tags: Sequence[str]) -> SearchQuery:
    """Our question for Jaeger's parameters. Raises :class:`BadRequestError` in Jaeger's words."""
    service = values.get("service", "")
    if not service:
        raise BadRequestError("parameter 'service' is required", field="service")
    end = _microseconds(_number(values, "end", now_us + AHEAD_US))
    begin = _microseconds(_number(values, "start", max(0, end - LOOKBACK_US)))
    if begin >= end:
        raise BadRequestError("parameter 'end' must be after 'start'", field="end")
    parts = _tag_terms(values.get("tags", ""), tags)
    all_of(parts, "tags")
    limit = _number(values, "limit", 100)
    if not 0 < limit <= MOST_TRACES:
        raise BadRequestError(f"parameter 'limit' must be between 1 and {MOST_TRACES}", field="limit")
    return SearchQuery(
        scope=_scope(begin, end, "start"),
        service=stored_text("service", service),
        operation=stored_text("name", values.get("operation", "")),
        min_span_duration=_duration(values, "minDuration"),
        max_span_duration=_duration(values, "maxDuration"),
        same=tuple(parts),
        in_parts=True,
        limit=limit,
        as_of_us=now_us,
    )


def v3_values(values: Mapping[str, str], now_us: int) -> dict[str, str]:
    """The parameters of a search through v3, under the names of the legacy API.

    They are in snake_case, ``query.service_name``, or as newer releases spell them, ``query.serviceName``.
    """
    found = {}
    for ours, names in V3.items():
        for name in (*names, *map(_camel, names)):
            if value := values.get(f"query.{name}", ""):
                found[ours] = str(parse_time(value, now_us, f"query.{name}")) if ours in {"start", "end"} else value
    return found


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(map(str.title, rest))


V3 = {
    "service": ("service_name",),
    "operation": ("operation_name",),
    "tags": ("attributes",),
    "start": ("start_time_min",),
    "end": ("start_time_max",),
    "minDuration": ("duration_min",),
    "maxDuration": ("duration_max",),
    "limit": ("num_traces", "search_depth"),
}
"""Parameters of the legacy API, and their names in v3; of several given the last counts."""


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


def _term(key: str, value: str) -> Expression:
    """Some of Jaeger's tags are fields of ours."""
    if key == "error":
        return Term(key, "=", flag(value), key)
    if key in NOTED:
        return Or((kept(Term(key, "=", value)), kept(Term("annotation", "=", value, "annotation"))))
    if key in FACTS:
        return Or((kept(Term(key, "=", value)), kept(Term(key, "=", value, key))))
    return meant(Term(key, "=", value))


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


def _scope(begin: int, end: int, field: str) -> Scope:
    if end - begin > HISTORY_US:
        raise BadRequestError(f"parameter '{field}': longer than {HISTORY_US // DAY_US} days", field=field)
    return Scope(begin, end)


def _traces(found: Traces) -> Answer:
    return [jaeger.trace(rows) for rows in found.traces], found.truncated
