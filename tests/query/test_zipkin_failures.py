"""N12: a failure is found by the tag `error` that Zipkin is shown, beside a duration that another span may meet."""

import random

from hopline.model import Row
from hopline_query.dialects.zipkin import search_queries
from hopline_query.exports import zipkin
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.store.reader import ClickHouseReader
from hopline_query.store.settling import settle

START = 1_763_800_000_000_000
LATER = START + 3_600_000_000
SHOWN = ("true", "it broke")
LONG_US = 1_000_000


def population(source: random.Random) -> dict[str, list[Row]]:
    """Traces of few rows that fail without a text, with one, or not at all, short and long, of two services."""
    found = {}
    for number in range(200):
        trace_id = f"{START // 1_000_000:08x}{number + 1:024x}"
        found[trace_id] = [
            Row(
                trace_id,
                "server",
                source.choice("ab"),
                "GET /",
                START + number,
                id=f"{place + 1:016x}",
                duration_us=source.choice((5, LONG_US, 2 * LONG_US)),
                error=(error := source.random() < 0.7),
                error_text=source.choice(("", *SHOWN[1:])) if error else "",
                arrived=START + 1_000,
            )
            for place in range(source.randrange(1, 4))
        ]
    return found


def test_what_is_shown_as_error_finds_its_trace_beside_any_duration(engine, store_rows):
    """N12: one span of the service shows the tag, one of it has the duration, whatever else fails there."""
    traces = population(random.Random(3))
    rows = [row for known in traces.values() for row in known]
    store_rows(rows)
    settle(engine, LATER)
    twin, real = MemoryReader(rows), ClickHouseReader(engine)
    for value in SHOWN:
        for low in ({}, {"minDuration": str(LONG_US)}):
            asked = {
                "serviceName": "a",
                "annotationQuery": f"error={value}",
                "endTs": str(LATER // 1_000),
                "limit": "500",
            }
            (query,) = search_queries(QueryService(twin, clock=lambda: LATER), asked | low)
            right = {
                trace_id
                for trace_id, known in traces.items()
                if any(row.service == "a" and (row.duration_us or 0) >= int(low.get("minDuration", 0)) for row in known)
                and any(
                    span.get("tags", {}).get("error") == value
                    for span in zipkin.spans(row for row in known if row.service == "a")
                )
            }
            assert 0 < len(right) < len(traces)
            for reader in (twin, real):
                assert {summary.trace_id for summary in reader.search(query)[0]} == right, (asked, low)
