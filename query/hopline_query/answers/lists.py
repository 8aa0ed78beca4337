"""Lists of traces: search, the points of the scatter, a user's timeline (Q2, Q3)."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hopline_query.params import Params, cursor
from hopline_query.search import terms
from hopline_query.store.port import COUNTED, Details, FiguresQuery, Scope, SearchQuery, SpanReader, Summary


def search(reader: SpanReader, params: Params) -> dict[str, Any]:
    """One page of a search."""
    return _page(reader, params.search(), params)


def points(reader: SpanReader, params: Params) -> dict[str, Any]:
    """The same search for a scatter: few facts of many traces."""
    query = replace(params.search(), limit=params.settings.most, after=None)
    found, total = reader.search(query)
    shown = ("trace_id", "start_us", "duration_us", "errors", "spans", "service", "name")
    return {
        "points": [{name: value[name] for name in shown} for value in (summary_json(s, Details(), 0) for s in found)],
        "truncated": total > len(found),
        "from_us": query.scope.from_us,
        "to_us": query.scope.to_us,
    }


def user(reader: SpanReader, uid: str, params: Params) -> dict[str, Any]:
    """A user's traces newest first, by day, and what sampling may have left out."""
    uid = uid.strip()
    retention = params.settings.retention_us
    scope = params.scope(retention)
    query = replace(params.search_within(scope), uid=uid)
    page = _page(reader, query, params)
    days = reader.user_days(uid, scope)
    for trace in page["traces"]:
        trace["action"] = trace["name"]
    newest = replace(query, limit=1, after=None)
    ends = [reader.search(replace(newest, order_by=order))[0] for order in ("newest", "oldest")] if days else [[], []]
    weight = max((trace["weight"] for trace in page["traces"]), default=1_000)
    estimated = weight > 1_000 or _sampled(reader, params)
    return page | {
        "uid": uid,
        "found": bool(days),
        "days": [
            {"day": _day(day_us), "day_us": day_us, "traces": count, "errors": failed} for day_us, count, failed in days
        ],
        "last_seen_us": ends[0][0].start_us if ends[0] else None,
        "first_seen_us": ends[1][0].start_us if ends[1] else None,
        "suggestions": [] if days or not uid else [u for u in reader.uids_like(uid, 6) if u != uid][:5],
        "sampled": estimated,
        "sampling_note": "Not every trace was kept: traces of this user may have been left out." if estimated else None,
    }


def summary_json(summary: Summary, details: Details, now_us: int) -> dict[str, Any]:
    """A trace as a list shows it (docs/api.md)."""
    _, _, service, name, _, _ = summary.root
    depth, _, failing, operation, error_type = summary.failure
    counts = details.services or dict.fromkeys(summary.services, (0, 0))
    ranked = sorted(counts.items(), key=lambda item: (-item[1][0], item[0]))
    return {
        "trace_id": summary.trace_id,
        "service": service,
        "name": name,
        "start_us": summary.start_us,
        "end_us": summary.end_us,
        "duration_us": summary.end_us - summary.start_us,
        "spans": summary.spans,
        "errors": summary.errors,
        "services": [{"service": s, "spans": count, "errors": failed} for s, (count, failed) in ranked],
        "uids": summary.uids,
        "env": summary.env,
        "running": summary.running(now_us, details.still_open),
        "incomplete": summary.root[0] or details.still_open > 0,
        "root_received": not summary.root[0],
        "load_test": summary.load_test,
        "debug": details.debug,
        "weight": details.weight,
        "status": details.status,
        "failure": {
            "service": failing,
            "name": operation,
            "error_type": error_type,
            "error_text": details.error_text,
        }
        if depth
        else None,
        "matched": sorted(details.matched),
        "matched_total": details.matched_total,
    }


def _page(reader: SpanReader, query: SearchQuery, params: Params) -> dict[str, Any]:
    found, total = reader.search(replace(query, limit=query.limit + 1))
    page = found[: query.limit]
    details = reader.details(page, query)
    following = None
    if len(found) > len(page):
        last = page[-1]
        following = cursor(query.order_by, last.value(query.order_by), last.trace_id, query.as_of_us)
    return {
        "traces": [summary_json(s, details.get(s.trace_id, Details()), params.now_us) for s in page],
        "count": min(total, COUNTED),
        "count_exact": total <= COUNTED,
        "next_cursor": following,
        "truncated": following is not None,
        "limit": query.limit,
        "order_by": query.order_by,
        "as_of_us": query.as_of_us,
        "terms": [
            {"text": t.text, "key": t.key, "op": t.op, "value": t.value, "negated": negated}
            for t, negated in terms(query.expression)
        ],
        "from_us": query.scope.from_us,
        "to_us": query.scope.to_us,
    }


def _sampled(reader: SpanReader, params: Params) -> bool:
    """True where the last hour's figures are estimates: some rows were not kept."""
    recent = Scope(params.now_us - params.settings.search_range_us, params.now_us, load_test="true")
    found, _, _ = reader.figures(FiguresQuery(recent, histogram=False))
    return any(value.calls != value.rows * 1_000 for value in found.values())


def _day(day_us: int) -> str:
    return datetime.fromtimestamp(day_us // 1_000_000, UTC).date().isoformat()
