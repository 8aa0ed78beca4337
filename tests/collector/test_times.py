"""Starts that cannot be right: one bad row moves nobody, a wrong clock moves as a whole."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_collector.block import limits
from hopline_collector.block.core import Block, Message, build_block
from hopline_collector.handover.plan import Plan

NOW = 1_763_800_060_000_000
START = NOW - 60_000_000
TRACE = "6921c0de0123456789abcdef01234567"


def row(number: int, start: int, parent: int = 0, **more: Any) -> dict[str, Any]:
    found = {"trace_id": TRACE, "id": f"{number:016x}", "kind": "local", "service": "a", "name": f"op{number}"}
    found |= {"start_us": start, "duration_us": 10_000} | ({"parent_id": f"{parent:016x}"} if parent else {})
    return found | more


def block_of(*rows: dict[str, Any]) -> Block:
    return build_block([Message(0, "native", msgspec.json.encode(list(rows)))], Plan(0, 1, NOW))


def starts(block: Block) -> dict[int, int]:
    return dict(zip(block.columns["id"], block.columns["start_us"], strict=True))


def tags(block: Block) -> dict[int, dict[str, str]]:
    return dict(zip(block.columns["id"], block.columns["tags"], strict=True))


BAD = [0, START // 1_000, START // 1_000_000, START * 1_000, 2_145_916_800_000_000, -5]


@pytest.mark.parametrize("bad", BAD)
def test_one_bad_start_moves_nobody(bad: int) -> None:
    """N5: milliseconds, seconds, nanoseconds, none, 2038, before 1970: the child takes its parent's start."""
    block = block_of(row(1, START), row(2, START + 1_000, 1), row(3, bad, 2), row(4, START + 3_000, 3))
    assert starts(block) == {1: START, 2: START + 1_000, 3: START + 1_000, 4: START + 3_000}
    assert tags(block)[3] == {"source.start_us": str(bad), "hopline.cut": "time_moved"}
    assert [tags(block)[n] for n in (1, 2, 4)] == [{}] * 3
    assert block.counts.cut == {"time_moved": 1}


def test_a_bad_root_is_dated_from_what_is_known() -> None:
    """N5: without a parent: the other side, then the annotations, then the trace's earliest row."""
    sides = block_of(row(1, 0, kind="client"), row(1, START + 7, kind="server", service="b"), row(2, START, 1))
    assert sorted(sides.columns["start_us"]) == [START, START + 7, START + 7]
    noted = block_of(row(1, 0, annotations=[[START + 9, "k", ""], [START + 5, "k", ""]]), row(2, START + 1, 1))
    assert starts(noted)[1] == START + 5
    assert noted.columns["annotations"][0][0][0] == START + 9
    assert starts(block_of(row(1, 0), row(2, START + 1, 1)))[1] == START + 1
    assert starts(block_of(row(1, 0), row(2, 0, 1))) == {1: NOW, 2: NOW}


def test_a_whole_clock_moves_together() -> None:
    """N5: most rows of a process lie outside, so its clock is wrong; the others stay."""
    boot = 28_395_517_671
    there = {"service": "b", "instance": "b:1"}
    block = block_of(row(1, START), *(row(n, boot + n * 100, 1, **there) for n in (2, 3, 4)))
    assert starts(block) == {1: START, 2: NOW - 200, 3: NOW - 100, 4: NOW}
    assert tags(block)[4]["source.start_us"] == str(boot + 400)


def test_an_old_trace_keeps_the_distances_between_its_services() -> None:
    """C5: what is old as a whole moves by one delta, whoever told it."""
    old = NOW - 9 * limits.DAY_US
    block = block_of(row(1, old), row(2, old + 5, 1, service="b"), row(3, old + 9, 2, service="c"), row(4, 0, 2))
    assert starts(block) == {1: NOW - 9, 2: NOW - 4, 3: NOW, 4: NOW - 4}


def test_rows_that_are_wrong_in_their_own_ways_have_no_common_clock() -> None:
    """N5: milliseconds beside nanoseconds are two faults."""
    block = block_of(row(1, START), row(2, START // 1_000, 1), row(3, START * 1_000, 1))
    assert set(starts(block).values()) == {START}


def test_parents_in_a_circle_take_the_arrival() -> None:
    """N5: no order can be told."""
    assert starts(block_of(row(1, 0, 2), row(2, 0, 1))) == {1: NOW, 2: NOW}


def test_a_duration_that_is_none_keeps_what_was_sent() -> None:
    """N5: an end before the start is a duration of 0, marked, with the original kept."""
    block = block_of(row(1, START, duration_us=-1_431), row(2, START))
    assert block.columns["duration_us"] == [0, 10_000]
    assert tags(block)[1] == {"source.duration_us": "-1431", "hopline.cut": "bad_duration"}


@given(st.lists(st.sampled_from([0, *BAD]), min_size=1, max_size=4), st.integers(5, 9))
def test_good_rows_never_move(bad: list[int], good: int) -> None:
    """N5: whatever the few bad ones are, good rows keep their start and the trace its place."""
    rows = [row(n, START + n * 1_000, 1 if n > 1 else 0) for n in range(1, good + 1)]
    rows += [row(100 + n, start, 1) for n, start in enumerate(bad)]
    found = starts(block_of(*rows))
    assert {n: found[n] for n in range(1, good + 1)} == {n: START + n * 1_000 for n in range(1, good + 1)}
    assert all(found[100 + n] == START + 1_000 for n in range(len(bad)))
