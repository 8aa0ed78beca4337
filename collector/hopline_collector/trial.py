"""Messages tried one by one in a process of its own: which of them ends, or never leaves, whoever decodes it.

A decoder that dies takes the collector with it. Halving the range of a block would find
the message too, but each step costs deaths and starts: one among a hundred took over a
minute. Here the process that dies is a child, and its last word names the message.

    python -m hopline_collector.trial      (messages on standard input, a dot for each one that went well)
"""

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from hopline_collector.core import Message, build_block
from hopline_collector.plan import DECODE_TRIES, Plan

COMMAND: tuple[str, ...] = (sys.executable, "-m", "hopline_collector.trial")
"""Starts the child."""

MOST: Final = 20
"""Messages that one trial finds; each costs the start of a child."""

SECONDS: Final = 20.0
"""Bound of a whole trial: the hand-over waits for it."""

_CPU_SECONDS: Final = 5.0
"""Of one message. CPU and not wall time: a busy machine makes nobody guilty."""

_MEMORY_BYTES: Final = 2_000_000_000


def isolated(plan: Plan, messages: Sequence[Message], commit: Callable[[Plan], None]) -> Plan:
    """The plan to go on with after decoding failed again and again: without the culprits, else of half the range.

    ``commit`` stores the plan under which the trial runs: should that be deadly too, the next owner halves.
    """
    if plan.tries > DECODE_TRIES:
        return plan.narrowed()
    commit(plan.begun())
    return plan.without(culprits(messages))


def culprits(messages: Sequence[Message]) -> tuple[int, ...]:
    """Offsets of the messages that end a process which decodes nothing else; at most :data:`MOST`."""
    end = time.monotonic() + SECONDS
    found: list[int] = []
    rest = list(messages)
    while rest and len(found) < MOST:
        went_well = _try(rest, end - time.monotonic())
        if went_well is None or went_well >= len(rest):
            break
        found.append(rest[went_well].offset)
        rest = rest[went_well + 1 :]
    return tuple(found)


def _try(messages: Sequence[Message], seconds: float) -> int | None:
    """How many messages went well before the child ended; None when it did not in time."""
    try:
        ended = subprocess.run(  # noqa: S603 (our own module)
            COMMAND,
            input=msgspec.msgpack.encode(messages),
            stdout=subprocess.PIPE,
            check=False,
            timeout=max(seconds, 0.0),
        )
    except subprocess.TimeoutExpired:
        return None
    return len(ended.stdout)


def main() -> None:
    """The child: end with the first message that ends it."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    for message in msgspec.msgpack.decode(sys.stdin.buffer.read(), type=list[Message]):
        signal.setitimer(signal.ITIMER_PROF, _CPU_SECONDS)
        build_block([message], Plan(message.offset, message.offset + 1, now=0))
        sys.stdout.buffer.write(b".")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
