"""Messages tried in a process of their own: which of them ends, or never leaves, whoever decodes or inserts it.

A decoder that dies takes the collector with it, and so does the engine when it runs in
this process. Halving the range of a block would find the message too, but each step costs
deaths and starts: one among a hundred took over a minute. Here the process that dies is a
child, and its last word tells where it was. A message is decoded alone. An insert costs
much however little it holds, so messages are inserted in groups, into an empty store of
the child's own, and only a group that was deadly is divided.

    python -m hopline_collector.handover.trial      (a task on standard input; "!", then a dot for each group)
"""

import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import msgspec

from hopline_collector.block.core import Message, build_block
from hopline_collector.handover.ledger import LedgerEntry
from hopline_collector.handover.plan import TRIES, Plan
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.errors import StoreError
from hopline_collector.store.migrate import migrate
from hopline_collector.store.writer import ClickHouseWriter, SpanWriter

COMMAND: tuple[str, ...] = (sys.executable, "-m", "hopline_collector.handover.trial")
"""Starts the child."""

MOST: Final = 20
"""Messages that one trial finds; each costs the start of a child."""

SECONDS: Final = {"decode": 20.0, "insert": 60.0}
"""Bound of a whole trial: the hand-over waits for it. A child that inserts makes every table first."""

_PIECES: Final = 8
"""Groups that the messages of an insert are divided into, and again each that was deadly."""

_CPU_SECONDS: Final = 5.0
"""Of one message that is decoded. CPU and not wall time: a busy machine makes nobody guilty."""

_INSERT_CPU_SECONDS: Final = 20.0
"""Of one group that is inserted, with what the engine does besides."""

_MEMORY_BYTES: Final = 2_000_000_000

_READY: Final = b"!"
"""The child's first word: what ends it before this is no message's fault."""

_Group = list[Message]


class _Task(msgspec.Struct):
    """What a child does."""

    plan: Plan
    groups: list[_Group]
    folder: str
    """For the store that it may need; the children of a trial have it one after the other."""


def isolated(plan: Plan, messages: Sequence[Message], commit: Callable[[Plan], None]) -> Plan:
    """The plan to go on with after a phase failed again and again: without the culprits.

    Where there are none, decoding goes on with half the range. An insert is tried again as it is: a part of
    it may be stored. ``commit`` stores the plan under which the trial runs: should that be deadly too, the
    next owner goes on without one.
    """
    if plan.tries > TRIES:
        return plan.without(())
    commit(plan.begun())
    return plan.without(culprits(plan, messages))


def culprits(plan: Plan, messages: Sequence[Message]) -> tuple[int, ...]:
    """Offsets of the messages that end a process which does nothing else with them; at most :data:`MOST`."""
    end = time.monotonic() + SECONDS[plan.phase]
    found: list[int] = []
    rest = [[message] for message in messages] if plan.phase == "decode" else _divided(list(messages))
    with tempfile.TemporaryDirectory(prefix="hopline-trial-") as folder:
        while rest and len(found) < MOST:
            went_well = _try(_Task(plan, rest, folder), end - time.monotonic())
            if went_well is None or went_well >= len(rest):
                break
            deadly, rest = rest[went_well], rest[went_well + 1 :]
            if len(deadly) == 1:
                found.append(deadly[0].offset)
            else:
                rest = _divided(deadly) + rest
    return tuple(found)


def _divided(messages: _Group) -> list[_Group]:
    size = -(-len(messages) // _PIECES)
    return [messages[at : at + size] for at in range(0, len(messages), max(size, 1))]


def _try(task: _Task, seconds: float) -> int | None:
    """How many groups went well before the child ended; None when it did not in time, or never began."""
    try:
        ended = subprocess.run(  # noqa: S603 (our own module)
            COMMAND,
            input=msgspec.msgpack.encode(task),
            stdout=subprocess.PIPE,
            check=False,
            timeout=max(seconds, 0.0),
        )
    except subprocess.TimeoutExpired:
        return None
    return len(ended.stdout) - len(_READY) if ended.stdout else None


def main() -> None:
    """The child: end with the first group that ends it."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    task = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Task)
    if task.plan.phase == "insert":
        with _empty_store(task.folder) as writer:
            _run(task, lambda group, plan: _insert(writer, group, plan), _INSERT_CPU_SECONDS)
    else:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        _run(task, build_block, _CPU_SECONDS)


def _run(task: _Task, work: Callable[[_Group, Plan], object], cpu_seconds: float) -> None:
    _say(_READY)
    for group in task.groups:
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        # Without the rules: where they are is the store's affair, and they make no message deadly.
        work(group, replace(task.plan, start=group[0].offset, end=group[-1].offset + 1, rules=0))
        _say(b".")
    signal.setitimer(signal.ITIMER_PROF, 0.0)


def _say(word: bytes) -> None:
    sys.stdout.buffer.write(word)
    sys.stdout.buffer.flush()


@contextmanager
def _empty_store(folder: str) -> Iterator[SpanWriter]:
    store = ClickHouse(StoreSettings(path=folder, free_disk_bytes=0))
    migrate(store)
    yield ClickHouseWriter(store)
    store.close()


def _insert(writer: SpanWriter, group: _Group, plan: Plan) -> None:
    """Everything that is inserted for a block. A refusal ends nobody: the hand-over knows what to do about it."""
    block = build_block(group, plan)
    token = plan.token("trial", "trial", 0)
    try:
        writer.write(block, token)
        writer.account(LedgerEntry("trial", "trial", 0, plan.start, plan.end, plan.now, block.counts), block, token)
    except StoreError:
        return


if __name__ == "__main__":
    main()
