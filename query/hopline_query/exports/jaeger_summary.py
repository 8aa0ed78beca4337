"""A trace as Jaeger's `/api/v3/trace-summaries` tells it: what a list shows, without the spans."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hopline.model import Row
from hopline_query.exports.otlp_ids import unique

Json = dict[str, Any]


def summary(rows: Sequence[Row]) -> Json:
    """The rows of one trace, at least one. Times are nanoseconds as text; the root is the earliest without a parent."""
    ids = unique(rows)
    known = {own for own, _ in ids}
    roots = [row for row, (_, parent) in zip(rows, ids, strict=True) if not parent]
    root = min(roots, key=lambda row: row.start_us, default=None)
    spans = Counter(row.service for row in rows)
    errors = Counter(row.service for row in rows if row.error)
    return {
        "traceId": rows[0].trace_id,
        "rootServiceName": root.service if root else "",
        "rootOperationName": root.name if root else "",
        "minStartTimeUnixNano": f"{min(row.start_us for row in rows) * 1_000}",
        "maxEndTimeUnixNano": f"{max(row.start_us + (row.duration_us or 0) for row in rows) * 1_000}",
        "spanCount": len(rows),
        "errorSpanCount": errors.total(),
        "orphanSpanCount": sum(bool(parent) and parent not in known for _, parent in ids),
        "services": [
            {"name": name, "spanCount": count, "errorSpanCount": errors[name]} for name, count in sorted(spans.items())
        ],
    }
