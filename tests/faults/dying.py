"""Death of a collector from inside, at a step of the hand-over or by one message; or a long sleep at a step."""

import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hopline_collector.block.core import DECODERS, Block, build_block
from hopline_collector.handover import consumer, trial
from hopline_collector.handover.consumer import HandOver
from hopline_collector.store.clickhouse import ClickHouse
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


def freeze_at(step: str) -> None:
    """Have this process stopped (SIGSTOP) when its first block reaches `step`; after SIGCONT it goes on there."""
    match step:
        case "built":
            ClickHouseWriter.write = _frozen_before(ClickHouseWriter.write)  # type: ignore[method-assign]
        case "inserted":
            ClickHouseWriter.account = _frozen_before(ClickHouseWriter.account)  # type: ignore[method-assign]
        case "accounted":
            ClickHouseWriter.account = _frozen_after(ClickHouseWriter.account)  # type: ignore[method-assign]
        case _:
            raise ValueError(step)


def abort_on(mark: str) -> None:
    """Have a message that holds `mark` end this process while it is decoded, as a broken C library would."""
    decode, wanted = DECODERS["native"], mark.encode()

    def decode_or_abort(body: bytes) -> Any:
        if wanted in body:
            os.abort()
        return decode(body)

    DECODERS["native"] = decode_or_abort  # type: ignore[index]
    trial.COMMAND = (sys.executable, str(Path(__file__).with_name("trial_process.py")), "abort_on", mark)


def abort_on_insert(mark: str) -> None:
    """Have rows of the name `mark` end this process when they are inserted, as a broken engine would."""
    insert = ClickHouse.insert

    def insert_or_abort(store: ClickHouse, table: str, rows: Any, token: str) -> None:
        if mark in rows.get("name", ()):
            os.abort()
        insert(store, table, rows, token)

    ClickHouse.insert = insert_or_abort  # type: ignore[method-assign]
    trial.COMMAND = (sys.executable, str(Path(__file__).with_name("trial_process.py")), "abort_on_insert", mark)


def spoil(mark: str) -> None:
    """Have rows of the name `mark` get past the limits with text that no engine takes."""

    def build_and_spoil(*arguments: Any) -> Block:
        block = build_block(*arguments)
        if block.rows:
            block.columns["name"] = ["\ud800" if name == mark else name for name in block.columns["name"]]
        return block

    consumer.build_block = build_and_spoil


def _dead(*_: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _frozen_before(work: Callable[..., None]) -> Callable[..., None]:
    once = itertools.count()

    def stop_and_work(*arguments: Any) -> None:
        if next(once) == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
        work(*arguments)

    return stop_and_work


def _frozen_after(work: Callable[..., None]) -> Callable[..., None]:
    once = itertools.count()

    def work_and_stop(*arguments: Any) -> None:
        work(*arguments)
        if next(once) == 0:
            os.kill(os.getpid(), signal.SIGSTOP)

    return work_and_stop


def _last(work: Callable[..., None]) -> Callable[..., None]:
    def work_and_die(*arguments: Any) -> None:
        work(*arguments)
        _dead()

    return work_and_die
