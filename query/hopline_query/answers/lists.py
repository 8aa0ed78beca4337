"""Lists of traces: search, the points of the scatter, a user's timeline (Q2, Q3)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from hopline_collector import known_trace
from hopline_collector.block.limits import stored_text
from hopline_query.params import AHEAD_US, Params, cursor
from hopline_query.search.filter import Expression, Term, terms
from hopline_query.store.paging import Found, order_value
from hopline_query.store.port import COUNTED, FiguresQuery, Scope, SearchQuery, SpanReader
from hopline_query.tree.header import failure_json
from hopline_query.tree.summary import TraceSummary

NOTHING: tuple[list[str], int] = ([], 0)
"""No row was asked for."""


class Searching(Protocol):
    """The part of a reader that a page of traces asks."""

    def search(self, query: SearchQuery) -> tuple[list[TraceSummary], int]:
        """See :class:`hopline_query.store.port.SpanReader`."""

    def matched(self, trace_ids: Sequence[str], query: SearchQuery) -> dict[str, tuple[list[str], int]]:
        """See :class:`hopline_query.store.port.SpanReader`."""


def search(reader: Searching, params: Params, query: SearchQuery) -> dict[str, Any]:
    """One page of a search: ``query`` is that of the parameters."""
    return page(reader, query, params)


def points(reader: Searching, params: Params, query: SearchQuery) -> dict[str, Any]:
    """The same search for a scatter: few facts of many traces."""
    query = replace(query, limit=params.settings.most, after=None)
    found, total = reader.search(query)
    shown = ("trace_id", "start_us", "duration_us", "extent_us", "errors", "spans", "service", "name")
    return {
        "points": [{name: value[name] for name in shown} for value in (summary_json(s, NOTHING, 0) for s in found)],
        "truncated": total > len(found),
        "from_us": query.scope.from_us,
        "to_us": query.scope.to_us,
    }


def user(reader: SpanReader, uid: str, params: Params, sampled: Callable[[Params], bool]) -> dict[str, Any]:
    """A user's traces newest first, by day, and what sampling may have left out (``sampled``: see :func:`sampled`)."""
    uid = stored_text("uid", uid)
    retention = params.settings.retention_us
    scope = params.scope(retention, ahead_us=AHEAD_US)
    query = replace(params.search_within(scope), uid=uid)
    found, days = reader.user_page(replace(query, limit=query.limit + 1))
    answer = _page(reader, query, params, found)
    for trace in answer["traces"]:
        trace["action"] = trace["name"]
    weight = max((trace["weight"] for trace in answer["traces"]), default=1_000)
    estimated = weight > 1_000 or sampled(params)
    return answer | {
        "uid": uid,
        "found": bool(days),
        "days": [
            {"day": _day(day.day_us), "day_us": day.day_us, "traces": day.traces, "errors": day.failed} for day in days
        ],
        "last_seen_us": max((day.last_us for day in days), default=None),
        "first_seen_us": min((day.first_us for day in days), default=None),
        "suggestions": [] if days or not uid else _suggestions(reader, uid, scope),
        "sampled": estimated,
        "sampling_note": "Not every trace was kept: traces of this user may have been left out." if estimated else None,
    }


def _suggestions(reader: SpanReader, uid: str, scope: Scope) -> list[str]:
    """Users whose ids begin so; the canary's where load tests are shown."""
    hidden = {uid} if scope.load_test else {uid, known_trace.UID}
    return [like for like in reader.uids_like(uid, 7) if like not in hidden][:5]


def summary_json(summary: TraceSummary, matched: tuple[list[str], int], now_us: int) -> dict[str, Any]:
    """A trace as a list shows it (docs/api.md); ``matched`` are the ids of the rows that met the search."""
    return {
        "trace_id": summary.trace_id,
        "service": summary.service,
        "name": summary.name,
        "start_us": summary.start_us,
        "end_us": summary.end_us,
        "duration_us": summary.duration_us,
        "extent_us": summary.extent_us,
        "spans": summary.spans,
        "nodes": summary.nodes,
        "errors": summary.errors,
        "services": [{"service": s, "spans": count, "errors": failed} for s, count, failed in summary.services],
        "uids": list(summary.uids),
        "envs": list(summary.envs),
        "env": max(summary.envs, default=""),
        "ahead_us": max(0, summary.start_us - now_us) if now_us else 0,
        "running": summary.running(now_us),
        "incomplete": summary.incomplete,
        "root_received": not summary.rootless,
        "recovered": summary.errors > 0 and not summary.root_error and not summary.rootless,
        "load_test": summary.load_test,
        "debug": summary.debug,
        "weight": summary.weight,
        "status": summary.status,
        "failure": failure_json(summary),
        "matched": matched[0],
        "matched_total": matched[1],
    }


def page(reader: Searching, query: SearchQuery, params: Params) -> dict[str, Any]:
    """One page of traces, and how to ask for the next."""
    return _page(reader, query, params, reader.search(replace(query, limit=query.limit + 1)))


def _around(shown: Sequence[TraceSummary], scope: Scope) -> Scope:
    """The part of the range in which rows of these traces start: a page of the newest lies at its very end."""
    low = min((summary.start_us for summary in shown), default=scope.from_us)
    high = max((summary.end_us for summary in shown), default=scope.to_us)
    return replace(scope, from_us=max(scope.from_us, low), to_us=min(scope.to_us, high + 1))


def _page(reader: Searching, query: SearchQuery, params: Params, answer: Found) -> dict[str, Any]:
    """The same of what a search with a limit one higher found."""
    found, total = answer
    shown = found[: query.limit]
    matched = reader.matched([summary.trace_id for summary in shown], replace(query, scope=_around(shown, query.scope)))
    following = None
    if len(found) > len(shown):
        last = shown[-1]
        following = cursor(query.order_by, order_value(last, query.order_by), last.trace_id, query.as_of_us)
    return {
        "traces": [summary_json(s, matched.get(s.trace_id, NOTHING), params.now_us) for s in shown],
        "count": min(total, COUNTED),
        "count_exact": total <= COUNTED,
        "next_cursor": following,
        "truncated": following is not None,
        "limit": query.limit,
        "order_by": query.order_by,
        "as_of_us": query.as_of_us,
        "terms": [
            {"text": t.text, "key": t.key, "op": t.op, "value": t.value, "negated": negated}
            for t, negated in _written(query.expression)
        ],
        "from_us": query.scope.from_us,
        "to_us": query.scope.to_us,
    }


def _written(expression: Expression | None) -> list[tuple[Term, bool]]:
    """The terms as they were written: what stands for a tag or a field (hopline_query.search.aliases) is one."""
    found = {(term.column, term.text): (term, negated) for term, negated in reversed(list(terms(expression)))}
    return list(found.values())[::-1]


def sampled(reader: SpanReader, params: Params) -> bool:
    """True where the last hour's figures are estimates: some rows were not kept."""
    recent = Scope(params.now_us - params.settings.search_range_us, params.now_us, load_test="true")
    found, _, _ = reader.figures(FiguresQuery(recent, histogram=False))
    return any(value.calls != value.rows * 1_000 for value in found.values())


def _day(day_us: int) -> str:
    return datetime.fromtimestamp(day_us // 1_000_000, UTC).date().isoformat()
