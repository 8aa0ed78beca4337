"""How fresh the answers are, and how the system itself does (L7, U8)."""

from typing import Any

from hopline_query.store.port import SpanReader

QUIET_US = 30_000_000
"""Nothing handed over for longer than this: nothing was sent, or the collectors are behind."""

REPORTS_US = 15 * 60_000_000
"""Losses that processes reported this long ago still count."""


RATE_US = 60_000_000
"""The ingest rate is that of the last minute."""


def freshness(reader: SpanReader, now_us: int, lag_us: int | None) -> dict[str, Any]:
    """The block that is part of each answer; ``lag_us`` is what a collector in this process knows of its delay."""
    newest = reader.newest_arrival()
    if newest == 0:
        state = "empty" if reader.extent()[2] == 0 else "ok"
    elif lag_us is not None:
        state = "behind" if lag_us > QUIET_US else "ok"
    else:
        state = "quiet" if now_us - newest > QUIET_US else "ok"
    complete = now_us - lag_us if lag_us is not None and newest else newest or None
    behind = lag_us if lag_us is not None else now_us - newest if newest else None
    return {
        "state": state,
        "now_us": now_us,
        "complete_to_us": complete,
        "behind_s": round(behind / 1e6, 1) if behind is not None else None,
        "newest_us": newest or None,
        "dropping": dropping(reader, now_us),
    }


def dropping(reader: SpanReader, now_us: int) -> list[dict[str, Any]]:
    """Processes whose newest report counts losses."""
    return [
        {
            "service": report.service,
            "instance": report.instance,
            "dropped": sum(report.dropped.values()),
            "reasons": report.dropped,
            "at_us": report.at_us,
        }
        for report in reader.reports(now_us - REPORTS_US)
        if sum(report.dropped.values())
    ]


def extent(reader: SpanReader) -> dict[str, Any]:
    """The widest range with data."""
    first, last, traces = reader.extent()
    empty = traces == 0
    return {
        "oldest_us": None if empty else first,
        "newest_us": None if empty else last,
        "traces": traces,
        "empty": empty,
    }


def system(reader: SpanReader, now_us: int, version: str) -> dict[str, Any]:
    """Accounts, processes, sizes."""
    found = reader.system()
    processes = [
        {
            "service": report.service,
            "instance": report.instance,
            "at_us": report.at_us,
            "recorded": report.recorded,
            "sent": report.sent,
            "dropped": sum(report.dropped.values()),
            "reasons": report.dropped,
            "depth": report.depth,
        }
        for report in reader.reports(now_us - REPORTS_US)
    ]
    rate = round(reader.stored_since(now_us - RATE_US) / (RATE_US / 1e6), 1)
    return found | {"processes": processes, "ingest_per_s": rate, "now_us": now_us, "version": version}
