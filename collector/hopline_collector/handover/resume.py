"""Where a partition goes on: one rule for every way in which position, ledger and log can disagree. Pure.

Three tell how far a log was handed over: the committed position, the ledger and the log
itself. They part when a process dies between two steps, when a topic is made anew, when
a store is restored from a backup or emptied, when somebody moves the position by hand,
and when the log drops messages that nobody has read, or loses its end. Positions that we
commit carry a mark, so that one which was moved by hand can be told from one of ours.
"""

from dataclasses import dataclass
from typing import Final

from hopline_collector.handover.plan import Mark, Plan

FRESH_US: Final = 86_400_000_000
"""A mark younger than this has a row in the ledger, which keeps whole days at least, or the store has lost it."""

EXPIRED: Final = "expired"
"""The log dropped the range before it was read."""
SKIPPED: Final = "skipped"
"""Somebody moved the committed position forward by hand."""


@dataclass(frozen=True, slots=True)
class Committed:
    """The committed position; ``note`` tells whether it is ours and what is under way there."""

    offset: int
    note: Plan | Mark | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger says of this log."""

    end: int = 0
    """The end of its last range, gaps too; 0 = there is none."""
    holds_plan: bool = False
    """Whether the committed plan's own row is there: all of its block is stored."""


@dataclass(frozen=True, slots=True)
class Log:
    """What the log holds: offsets from ``start`` up to, not including, ``end``."""

    id: str = ""
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """A range that nobody will read."""

    start: int
    end: int
    why: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """Reading begins at ``position``; ``plan`` goes on under its own token, from there."""

    position: int
    plan: Plan | None = None
    gaps: tuple[Gap, ...] = ()


def resume(committed: Committed | None, ledger: Known, log: Log, now_us: int) -> Resumed:
    """Judge where to go on.

    Nothing that the ledger accounts for is read again, nothing is left out without a gap,
    and an insert that was begun goes on under its token.
    """
    if committed is not None and not _of_this_log(committed, log):
        committed = None
    plan = _begun(committed, ledger, log)
    if plan is not None:
        reached = ledger.end or plan.start
        return Resumed(max(reached, log.start), plan, _expired(reached, log))
    known = _accounted(committed, ledger, log, now_us)
    if known is None:
        return Resumed(log.start)
    reached = known
    skipped: tuple[Gap, ...] = ()
    if committed is not None and _moved_forward(committed, ledger, log):
        reached, skipped = committed.offset, (Gap(ledger.end, committed.offset, SKIPPED),)
    position = min(max(reached, log.start), log.end)
    fresh = committed.note if committed is not None and committed.offset == position else None
    return Resumed(position, _unbroken(fresh, ledger, log), skipped + _expired(reached, log))


def _of_this_log(committed: Committed, log: Log) -> bool:
    return committed.note is None or committed.note.log in ("", log.id)


def _begun(committed: Committed | None, ledger: Known, log: Log) -> Plan | None:
    """The plan whose insert was begun and can be repeated: parts of its block may be stored under its token.

    The ledger may end within it where the log dropped its first messages meanwhile.
    """
    plan = None if committed is None else committed.note
    if not isinstance(plan, Plan) or plan.phase != "insert" or ledger.holds_plan:
        return None
    goes_back = 0 < ledger.end < plan.start and log.start < plan.start
    there = plan.end <= log.end and max(ledger.end, log.start) < plan.end
    return plan if there and not goes_back else None


def _accounted(committed: Committed | None, ledger: Known, log: Log, now_us: int) -> int | None:
    """Up to where all is accounted for; None = nothing of this log is."""
    if committed is None or committed.offset > log.end:
        return ledger.end or None
    if isinstance(committed.note, Plan) and ledger.holds_plan:
        return max(committed.note.end, ledger.end)
    if ledger.end:
        return ledger.end
    if committed.note is not None and committed.note.log and now_us - _at(committed.note) < FRESH_US:
        return _never_inserted(committed.note)
    return committed.offset


def _never_inserted(note: Plan | Mark) -> int | None:
    """A first block that was not inserted yet has no row in the ledger, and that is as it should be."""
    return note.start if isinstance(note, Plan) else None


def _at(note: Plan | Mark) -> int:
    return note.now if isinstance(note, Plan) else note.at


def _moved_forward(committed: Committed, ledger: Known, log: Log) -> bool:
    """Whether somebody else set the position beyond what the ledger has: ours never are, unless the store lost rows."""
    return committed.note is None and 0 < ledger.end < committed.offset <= log.end


def _unbroken(note: Plan | Mark | None, ledger: Known, log: Log) -> Plan | None:
    """A plan that nothing stands against: its block was not begun, and all of its messages are there."""
    if not isinstance(note, Plan) or ledger.holds_plan or note.start < log.start or note.end > log.end:
        return None
    return note


def _expired(reached: int, log: Log) -> tuple[Gap, ...]:
    return (Gap(reached, log.start, EXPIRED),) if reached < log.start else ()
