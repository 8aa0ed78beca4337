"""Death at a step of the hand-over, from inside: nothing after the step runs, not even clean-up."""

import os
import signal
from collections.abc import Callable
from typing import Any

from hopline_collector import consumer
from hopline_collector.consumer import HandOver
from hopline_collector.store.writer import ClickHouseWriter

STEPS = ("planned", "built", "inserted", "accounted", "committed")
"""The plan is committed; the block is built and its plan says so; its rows are in every table; its ledger row is
there too; the end is committed. Death comes right after each."""


def die_at(step: str) -> None:
    """Have this process killed when its first block reaches `step`."""
    match step:
        case "planned":
            consumer.build_block = _dead
        case "built":
            ClickHouseWriter.write = _dead  # type: ignore[method-assign]
        case "inserted":
            ClickHouseWriter.account = _dead  # type: ignore[method-assign]
        case "accounted":
            ClickHouseWriter.account = _last(ClickHouseWriter.account)  # type: ignore[method-assign]
        case "committed":
            HandOver._finish = _dead  # type: ignore[method-assign]
        case _:
            raise ValueError(step)


def _dead(*_: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _last(work: Callable[..., None]) -> Callable[..., None]:
    def work_and_die(*arguments: Any) -> None:
        work(*arguments)
        _dead()

    return work_and_die
