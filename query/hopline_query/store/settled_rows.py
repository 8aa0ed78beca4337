"""A trace's figures as a row of ``settled``, and back: the only place that knows both shapes."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import msgspec

from hopline.model import Row
from hopline_query.topology.aggregate import told_ends
from hopline_query.topology.pairing import by_minute
from hopline_query.tree.build import LIMIT
from hopline_query.tree.summary import Failure, TraceSummary

COLUMNS = (
    *("trace_id", "version", "start_us", "last_us", "end_us", "duration_us", "spans", "nodes", "errors", "unfinished"),
    *("rootless", "root_error", "load_test", "debug", "truncated", "weight", "arrived", "service", "name", "status"),
    *("failure", "services", "service_rows", "service_errors", "operations", "versions", "envs", "uids"),
)
"""Columns of ``settled``, as :func:`stored` answers them; ``body`` holds them in this order."""

WRITTEN = (*COLUMNS, "tags", "tagged", "calls", "called")
"""Columns that settling writes: with :func:`tags_of` and :func:`calls_of`, which are searched and never shown."""

MOST_TAGS = 4_096
"""Tags of one trace; one with more of them is searched by its rows."""

SEPARATOR = "\0"
"""Between a service and its operation or version, or the ends of a call: no stored name holds a zero byte."""

FAILED = "\0e"
"""Behind a call one of whose rows failed."""


def stored(summary: TraceSummary, version: int, last_us: int) -> tuple[Any, ...]:
    """The row of ``settled``; ``last_us`` is the start of the trace's last row."""
    failure = summary.failure or Failure("", "", "", "", "")
    return (
        bytes.fromhex(summary.trace_id),
        version,
        summary.start_us,
        last_us,
        summary.end_us,
        summary.duration_us,
        summary.spans,
        summary.nodes,
        summary.errors,
        summary.unfinished,
        int(summary.rootless),
        int(summary.root_error),
        int(summary.load_test),
        int(summary.debug),
        int(summary.truncated),
        summary.weight,
        summary.arrived,
        summary.service,
        summary.name,
        summary.status,
        (failure.service, failure.name, failure.error_type, failure.error_text, failure.key),
        [service for service, _, _ in summary.services],
        [rows for _, rows, _ in summary.services],
        [failing for _, _, failing in summary.services],
        [SEPARATOR.join(pair) for pair in summary.operations],
        [SEPARATOR.join(pair) for pair in summary.versions],
        list(summary.envs),
        list(summary.uids),
    )


def tags_of(rows: Sequence[Row]) -> tuple[list[str], int]:
    """``key=value`` of every tag of a trace's rows, sorted, and whether these are all."""
    found = {f"{key}={value}" for row in rows for key, value in row.tags.items()}
    whole = len(rows) <= LIMIT and len(found) <= MOST_TAGS
    return (sorted(found), 1) if whole else ([], 0)


def calls_of(rows: Sequence[Row]) -> tuple[list[str], int]:
    """Both ends of every call of a trace, and each end alone, sorted, and whether these are all.

    Ends are nodes of the map, empty where nobody tells one. A call that failed is there as such and as any call.
    """
    found = set()
    for told in told_ends(rows, by_minute):
        ends = {SEPARATOR.join(ends) for ends in product((told.caller, ""), (told.callee, ""))} - {SEPARATOR}
        found |= {text + failed for text in ends for failed in ({"", FAILED} if told.row.error else {""})}
    return (sorted(found), 1) if len(rows) <= LIMIT else ([], 0)


def summary_of(body: str | bytes) -> TraceSummary:
    """The figures that a row of ``settled`` holds, from its ``body``."""
    value = dict(zip(COLUMNS, msgspec.json.decode(body), strict=True))
    # The engine writes named tuples as objects.
    failure = Failure(**value["failure"])
    return TraceSummary(
        trace_id=value["trace_id"],
        service=value["service"],
        name=value["name"],
        start_us=value["start_us"],
        end_us=value["end_us"],
        duration_us=value["duration_us"],
        extent_us=value["end_us"] - value["start_us"],
        spans=value["spans"],
        nodes=value["nodes"],
        errors=value["errors"],
        failure=failure if failure.key else None,
        services=tuple(zip(value["services"], value["service_rows"], value["service_errors"], strict=True)),
        operations=tuple(_pair(text) for text in value["operations"]),
        versions=tuple(_pair(text) for text in value["versions"]),
        envs=tuple(value["envs"]),
        uids=tuple(value["uids"]),
        unfinished=value["unfinished"],
        load_test=bool(value["load_test"]),
        debug=bool(value["debug"]),
        weight=value["weight"],
        status=value["status"],
        rootless=bool(value["rootless"]),
        root_error=bool(value["root_error"]),
        arrived=value["arrived"],
        truncated=bool(value["truncated"]),
    )


def _pair(text: str) -> tuple[str, str]:
    service, _, rest = text.partition(SEPARATOR)
    return service, rest
