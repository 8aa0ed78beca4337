"""How long messages wait for their block: a clock of its own, one partition, a steady sender."""

import pytest

from hopline_collector.block.core import Message
from hopline_collector.handover.gathering import Gathering, HandOverSettings, Pace
from hopline_collector.handover.lanes import Lane

STEP = 0.05
ROW_BYTES = 190
ALONE = Pace(1, more_there=False)


def waits_of_blocks(rows_a_second: float, seconds: float, **settings: float) -> list[float]:
    """How long the oldest message of each block waited, while a message comes every 50 ms."""
    now = 0.0
    gathering = Gathering(HandOverSettings(**settings), lambda: now)
    lane, waits = Lane(("topic", 0), 1, 0), []
    for turn in range(round(seconds / STEP)):
        now = turn * STEP
        if not lane.messages:
            lane.since = now
        lane.messages.append(Message(turn, "native", b""))
        lane.bytes += round(rows_a_second * STEP * ROW_BYTES)
        if gathering.seconds_left(lane, ALONE) <= 0.0:
            waits.append(now - lane.since)
            lane.messages.clear()
            lane.bytes, lane.ended = 0, now
    return waits


def test_a_trickle_is_stored_in_few_blocks() -> None:
    """W2: a block of few rows begins three seconds after the last one; no message waits longer."""
    waits = waits_of_blocks(250, 60)
    assert 18 <= len(waits) <= 21
    assert max(waits) <= 3.0 + STEP


def test_the_rated_load_is_stored_every_second() -> None:
    """W2: what comes fast is in search as soon as ever."""
    waits = waits_of_blocks(5_000, 60)
    assert 55 <= len(waits) <= 60
    assert max(waits) <= 1.0 + STEP


def test_what_comes_after_a_pause_is_stored_after_a_second() -> None:
    """W2: who tries a single request does not wait for others."""
    now = 100.0
    gathering = Gathering(HandOverSettings(), lambda: now)
    lane = Lane(("topic", 0), 1, 0, since=now, ended=now - 2.5)
    lane.messages.append(Message(0, "native", b""))
    assert gathering.seconds_left(lane, ALONE) == pytest.approx(1.0)
    lane.ended = float("-inf")
    assert gathering.seconds_left(lane, ALONE) == pytest.approx(1.0)


def test_no_gathering_means_none() -> None:
    """With `block_seconds` of 0 every message may be a block."""
    assert len(waits_of_blocks(10, 2, block_seconds=0.0)) == 40
