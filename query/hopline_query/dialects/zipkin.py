"""What Zipkin's query API asks, answered from our store (zipkin2-api.yaml and the server's source).

Where the specification is silent the server's behaviour counts: names are compared in lower
case, different spans of the service may satisfy the parts of a query, the newest traces win.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hopline_collector.block.limits import stored_text
from hopline_query.answers.raw import Traces
from hopline_query.errors import BadRequestError, NotFoundError
from hopline_query.exports import zipkin
from hopline_query.latency.figures import WEIGHT
from hopline_query.params import AHEAD_US, DAY_US
from hopline_query.search.aliases import meant
from hopline_query.search.fields import UNTOLD
from hopline_query.search.filter import And, Expression, Or, Term, all_of
from hopline_query.service import QueryService
from hopline_query.store.port import HISTORY_US, Edge, Scope, SearchQuery
from hopline_query.topology.aggregate import USER, VIRTUAL
from hopline_query.topology.brokers import REMOTE_TAG, called, known_names
from hopline_query.topology.links import links_of

Trace = list[zipkin.Span]
Answer = tuple[list[Any], bool]
"""What is answered, and whether it was cut."""

HEX = re.compile(r"[0-9a-f]+")
UNNAMED = "unknown"
"""What stands for a name that was not sent."""
MOST_TRACES = 1_000


def services(service: QueryService) -> list[str]:
    """Service names in lower case, sorted."""
    return sorted({name.lower() for (name,) in service.named(("service",)) if name != UNNAMED})


def span_names(service: QueryService, asked: str) -> list[str]:
    """Names of a service's spans."""
    found = service.named(("name",), _spellings(service, asked, None) if asked else None)
    return sorted({name.lower() for (name,) in found} - {"", UNNAMED})


def remote_services(service: QueryService, asked: str) -> list[str]:
    """Far ends that a service's spans name."""
    found = service.named(("remote",), _spellings(service, asked, None) if asked else None)
    return sorted({name.lower() for (name,) in found} - {""})


def traces(service: QueryService, values: Mapping[str, str]) -> Answer:
    """The newest traces that match, newest first."""
    return _spans(service.rows_of_newest(search_queries(service, values), _limit(values)))


def trace(service: QueryService, text: str) -> Trace:
    """One trace. Raises :class:`NotFoundError` with Zipkin's words."""
    asked = trace_id(text)
    found, _ = _spans(service.rows_by_ids([asked], "traceId"))
    if not found:
        raise NotFoundError(f"{zipkin.trace_id(asked)} not found", field="traceId")
    return found[0]


def many(service: QueryService, text: str | None) -> Answer:
    """Several traces by comma-separated ids; those that are not there are left out."""
    if text is None:
        raise mandatory("traceIds")
    asked = [part.strip() for part in text.split(",") if part.strip()]
    if not asked:
        raise BadRequestError("traceIds parameter is empty", field="traceIds")
    if len(asked) == 1:
        raise BadRequestError("Use /api/v2/trace/{traceId} endpoint to retrieve a single trace", field="traceIds")
    ids: dict[str, None] = {}
    for part in asked:
        one = trace_id(part)
        if one in ids:
            raise BadRequestError(f"redundant traceId: {part}", field="traceIds")
        ids[one] = None
    return _spans(service.rows_by_ids(list(ids), "traceIds"))


def dependencies(service: QueryService, values: Mapping[str, str]) -> Answer:
    """Links between services over ``lookback`` before ``endTs``, both in milliseconds.

    ``errorCount`` are the callee's failures as Zipkin counts them, or the callers' where those are more: calls that
    the callee never saw failed too.
    """
    if not values.get("endTs"):
        raise mandatory("endTs")
    edges, cut, truncated = service.edges(_scope(values, 0))
    known = known_names(service.named(("service", "kind", "node", "remote"), scope=cut))

    def ends(edge: Edge) -> tuple[str, str]:
        caller, callee = called(edge, known)
        return caller.lower(), callee.lower()

    links = links_of((edge for edge in edges if edge.caller != USER), ends)
    found = [
        {"parent": parent, "child": child, "callCount": round(link.calls / WEIGHT)}
        | ({"errorCount": round(failed / WEIGHT)} if (failed := max(link.client.errors, link.server.errors)) else {})
        for (parent, child), link in sorted(links.items())
        if parent and child
    ]
    return found, truncated


def search_queries(service: QueryService, values: Mapping[str, str]) -> list[SearchQuery]:
    """Our questions for Zipkin's parameters, one for each spelling of the service; none where it is not known."""
    now_us = service.clock()
    scope = _scope(values, now_us)
    low, high = _positive(values, "minDuration", 0), _positive(values, "maxDuration", 0)
    if high and not low:
        raise BadRequestError("maxDuration is only valid with minDuration", field="maxDuration")
    if high and high < low:
        raise BadRequestError("maxDuration < minDuration", field="maxDuration")
    asked, name, remote = (_name(values, key) for key in _NAMED)
    known = _spellings(service, asked, scope) if asked else []
    if asked and not known:
        return []
    parts = _annotation_terms(values.get("annotationQuery") or "")
    if name:
        named = service.named(("name",), known or None, scope)
        spellings = [spelling for (spelling,) in named if spelling.lower() == name] or [name]
        parts.append(_either([_term("name", spelling) for spelling in spellings]))
    if remote:
        any_case = f"(?i)^{re.escape(remote)}$"
        told = [Term(field, "~", any_case, field) for field in ("peer", "caller_service")]
        parts.append(Or((*told, Term(REMOTE_TAG, "=", remote))))
    expression = all_of(parts, "annotationQuery")
    return [
        SearchQuery(
            scope=scope,
            service=spelling,
            min_span_duration=low or None,
            max_span_duration=high or None,
            expression=expression,
            limit=_limit(values),
            as_of_us=now_us,
        )
        for spelling in known or [""]
    ]


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
    # Rows keep no tag without a key: what is asked of one narrows nothing.
    asked = [part for part in text.split(" and ") if part.partition("=")[0].strip()]
    parts = [_part(part) for part in asked]
    # What reads as several may be one text with the word in it.
    whole = text.strip() if len(parts) > 1 and ("=" in asked[0] or "=" not in text) else ""
    return [Or((And(tuple(parts)), _part(whole)))] if whole else parts


def _part(text: str) -> Expression:
    """A tag or an annotation as it is asked for, or a tag without the blanks around its key and value."""
    key, written, value = text.partition("=")
    bare, trimmed, text = key.strip(), value.strip(), text.strip()
    if not written:
        return meant(Term(bare, "exists", "", "error" if bare == "error" else "", text))
    found = [meant(Term(bare, "=", value, "", text))]
    if bare == "error":
        found += _failures(value)
    if trimmed != value:
        found.append(meant(Term(bare, "=", trimmed, "", text)))
    if text != f"{bare}={trimmed}":
        found.append(_term("annotation", text))
    return _either(found)


def _failures(value: str) -> list[Term]:
    """Failing rows whose tag ``error`` in an answer (hopline_query.exports.zipkin) is put together from our fields."""
    told = [_term(field, value) for field in ("error_text", "error_type")]
    return [*told, _term(UNTOLD, value)] if value == "true" else told


def _term(field: str, value: str) -> Term:
    return Term(field, "=", value, field)


def _either(parts: Sequence[Expression]) -> Expression:
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


_NAMED = {"serviceName": "service", "spanName": "name", "remoteServiceName": "peer"}
"""What these parameters name, as rows call it."""


def _name(values: Mapping[str, str], key: str) -> str:
    value = stored_text(_NAMED[key], values.get(key) or "").lower()
    return "" if value == "all" and key != "serviceName" else value


def _scope(values: Mapping[str, str], now_us: int) -> Scope:
    # Where no end is asked for, what a fast clock dated ahead is a part of now.
    end = _positive(values, "endTs", now_us // 1_000 + (AHEAD_US // 1_000 if now_us else 0))
    lookback = _positive(values, "lookback", min(DAY_US // 1_000, end))
    if min(lookback, end) * 1_000 > HISTORY_US:
        raise BadRequestError(f"lookback is longer than {HISTORY_US // DAY_US} days", field="lookback")
    # The end counts as inside.
    end_us = min(end, 253_402_300_799_000) * 1_000 + 1_000
    return Scope(max(0, end_us - 1_000 - lookback * 1_000), end_us)


def _limit(values: Mapping[str, str]) -> int:
    return min(_positive(values, "limit", 10), MOST_TRACES)


def _positive(values: Mapping[str, str], key: str, default: int) -> int:
    text = (values.get(key) or "").strip()
    if not text:
        return default
    if not re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII):
        raise BadRequestError(f'For input string: "{text[:64]}"', field=key)
    if int(text) <= 0:
        raise BadRequestError(f"{key} <= 0", field=key)
    return int(text)


def _spellings(service: QueryService, asked: str, scope: Scope | None) -> list[str]:
    """Every spelling of a service, in order: Zipkin's names are lower case."""
    return [name for (name,) in service.named(("service",), scope=scope) if name.lower() == asked.lower()]


def _spans(found: Traces) -> tuple[list[Trace], bool]:
    return [zipkin.spans(rows) for rows in found.traces], found.truncated
