"""How long ago each step of a hand-over was done: silence is what stalls a partition, not an exception."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from hopline_collector.handover.lanes import Lane

STEPS: Final = ("poll", "plan", "insert", "commit")

HANG_SECONDS: Final = 10.0
"""A step that takes longer is told in health: polling waits half a second, a block takes a second or two."""


class Age(NamedTuple):
    """Seconds since a step of a partition was done last; of the later steps 0 while nothing waits for them."""

    topic: str
    partition: int
    step: str
    seconds: float


def ages(lanes: list[Lane], now: float) -> Iterator[Age]:
    """Every age, at ``now`` on the lanes' monotonic clock."""
    for lane in lanes:
        for step in STEPS:
            yield Age(*lane.key, step, max(now - lane.done_at.get(step, now), 0.0))


def hang(polled_at: float, lanes: list[Lane], now: float) -> str:
    """What has been under way for too long, in words; empty when nothing has."""
    if now - polled_at > HANG_SECONDS:
        return f"its thread has not come back to polling for {now - polled_at:.0f} s"
    late = [lane for lane in lanes if lane.storing is not None and now - lane.storing_since > HANG_SECONDS]
    return "; ".join(
        f"{lane.key.topic}/{lane.key.number}: an insert has been under way for {now - lane.storing_since:.0f} s"
        for lane in late
    )
