"""Copies and parts of one row."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hopline.model import Row
from hopline_query.tree.copies import unite

START = 1_763_800_000_000_000
WHOLE = Row(
    trace_id="6921c0de0123456789abcdef01234567",
    kind="client",
    service="shop",
    name="get /a",
    start_us=START,
    id="00000000000000a1",
    parent_id="00000000000000a0",
    duration_us=5_000,
    instance="h:1",
    peer="orders",
    uid="u-1",
    error=True,
    error_type="Timeout",
    annotations=[(START + 1, "ws", ""), (START + 2, "wr", "")],
    tags={"a": "1", "b": "2"},
    attrs={"url.path": "/a"},
)
BARE = replace(
    WHOLE,
    name="",
    parent_id=None,
    duration_us=None,
    peer="",
    uid="",
    error=False,
    error_type="",
    annotations=[],
    tags={},
    attrs={},
)
PARTS = (
    {"name": "get /a", "parent_id": "00000000000000a0"},
    {"duration_us": 5_000},
    {"peer": "orders"},
    {"uid": "u-1"},
    {"error": True, "error_type": "Timeout"},
    {"annotations": [(START + 1, "ws", "")]},
    {"annotations": [(START + 2, "wr", "")]},
    {"tags": {"a": "1"}},
    {"tags": {"b": "2"}, "attrs": {"url.path": "/a"}},
)


@given(st.permutations(PARTS), st.lists(st.integers(0, 8), max_size=4))
def test_a_span_in_parts_is_the_whole_span(parts, again):
    """N2: any split of a span over any posts, in any order, with any repeats, is the span that was meant."""
    sent = [replace(BARE, **part) for part in (*parts, *(parts[n] for n in again))]
    assert unite(sent) == [WHOLE]


def test_two_services_under_one_id_are_two_rows():
    """N1: nothing of one sender is lost to another that reports the same id and kind."""
    assert len(unite([WHOLE, replace(WHOLE, service="other")])) == 2


def test_one_id_used_twice_hours_apart_is_two_rows():
    """N1: the second use is a span of its own."""
    later = replace(WHOLE, start_us=START + 2 * 3_600_000_000)
    assert [row.start_us for row in unite([later, WHOLE, WHOLE])] == [WHOLE.start_us, later.start_us]


def test_rows_without_an_id_are_one_only_if_they_are_equal():
    """N3: of a path tracer's rows only exact copies fall together, whenever they arrived."""
    row = replace(WHOLE, id="", span_id="0.1")
    assert len(unite([row, replace(row, arrived=5), replace(row, tags={"a": "other"})])) == 2
