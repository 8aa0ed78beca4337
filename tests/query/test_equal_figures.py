"""A trace has one size, whichever answer tells it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from support.any_rows import NOW, START, any_row

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
