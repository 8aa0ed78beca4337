"""A trace has one size, whichever answer tells it."""

import json
from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from hopline_deploy import terminal
from hopline_query.dialects import jaeger, zipkin
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from support.any_rows import NOW, START, any_row
from support.random_traces import ARRIVED, BEGIN, CHANGES, plain_trace

FIGURES = ("start_us", "end_us", "duration_us", "extent_us", "spans", "nodes", "errors", "failure", "service", "name")
AROUND = {"from": str(START - 1_000_000), "to": str(NOW), "load_test": "true", "limit": "100"}


def figures_of(answer, names=FIGURES):
    return {name: answer[name] for name in names}


@given(st.lists(any_row(), min_size=1, max_size=25))
def test_list_points_page_and_export_agree(rows):
    """Q1, Q2, Q5, T15: start, end, what it took, spans, calls, errors and failure are the same in every answer."""
    service = QueryService(MemoryReader(rows), clock=lambda: NOW)
    listed = {trace["trace_id"]: figures_of(trace) for trace in service.search(AROUND)["traces"]}
    points = {point["trace_id"]: point for point in service.points(AROUND)["points"]}
    inside = {row.trace_id for row in rows if START <= row.start_us < NOW}
    assert set(points) == set(listed) == inside
    for trace_id, figures in listed.items():
        assert figures_of(service.trace(trace_id)) == figures
        for shape in ("flat", "timeline"):
            # Their `nodes` are the calls themselves.
            names = tuple(name for name in FIGURES if name != "nodes")
            assert figures_of(service.trace(trace_id, {"shape": shape}), names) == figures_of(figures, names)
        exported = json.loads(service.export(trace_id, "json")[0])
        assert len(exported) == figures["spans"]
        shown = tuple(name for name in FIGURES if name in points[trace_id])
        assert figures_of(points[trace_id], shown) == figures_of(figures, shown)


TRACE = "6921c0de0123456789abcdef01234567"
LOSSES = ("lost", "copied", "unfinished", "lost child", "second root", "other parent", "all fail")
"""What happens to a trace whose times are right."""


@given(seed=st.integers(0, 2**32), paths=st.booleans(), changes=st.lists(st.sampled_from(LOSSES), max_size=3))
def test_dialects_and_the_terminal_tell_the_same(seed, paths, changes):
    """Q1, F2, F3: start, end, rows and failures of one trace in our API, Zipkin's, Jaeger's and `hopline trace`."""
    source = Random(seed)
    rows = plain_trace(source, TRACE, paths=paths)
    for name in changes:
        CHANGES[name](source, rows)
    # Zipkin knows no duration of nothing: it is told as 1 us.
    rows = [replace(row, duration_us=1) if row.duration_us == 0 else row for row in rows]
    service = QueryService(MemoryReader(rows), clock=lambda: ARRIVED)
    page = service.trace(TRACE)
    failing = sum(one["errors"] for one in page["services"])
    told = page["start_us"], page["end_us"], page["spans"], failing
    assert page["end_us"] == page["start_us"] + page["extent_us"]
    assert bool(failing) == bool(page["errors"])
    listed = service.search(AROUND | {"from": str(BEGIN - 1), "to": str(ARRIVED)})["traces"]
    assert [figures_of(one) for one in listed] == [figures_of(page)]

    spans = zipkin.trace(service, TRACE)
    ends = [span["timestamp"] + span.get("duration", 0) for span in spans]
    assert told == (
        min(span["timestamp"] for span in spans),
        max(ends),
        len(spans),
        sum("error" in span.get("tags", {}) for span in spans),
    )

    (shown,), _ = jaeger.trace(service, TRACE)
    assert told == (
        min(span["startTime"] for span in shown["spans"]),
        max(span["startTime"] + span["duration"] for span in shown["spans"]),
        len(shown["spans"]),
        sum(any(tag["key"] == "error" for tag in span["tags"]) for span in shown["spans"]),
    )

    whole_id, *header = terminal.header(page, 10_000)
    assert whole_id == TRACE
    parts = [
        f"{page['spans']} {'span' if page['spans'] == 1 else 'spans'}, {page['received']} of {page['expected']} calls",
        terminal.clock(page["start_us"]),
        terminal.duration(page["duration_us"]),
    ]
    parts += [f"{page['errors']} failed"] if failing else []
    assert all(part in header[0] for part in parts)
    assert ("failed" in header[0]) == bool(failing)
