"""A partition begins: the ledger is asked, the way judged, and what nobody will read is written down."""

import logging
from dataclasses import dataclass

from hopline_collector.block.core import Block, Counts
from hopline_collector.handover.lanes import Lane
from hopline_collector.handover.ledger import LedgerEntry
from hopline_collector.handover.plan import Plan
from hopline_collector.handover.resume import Gap, Known, resume
from hopline_collector.store.writer import SpanWriter

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """Where to go on, and what was written into the ledger on the way."""

    position: int
    plan: Plan | None
    told: tuple[LedgerEntry, ...]
    drops_plan: bool
    """A plan is committed that is not followed."""


def judge(writer: SpanWriter, source: str, lane: Lane, collector: str, now_us: int) -> Opened:
    """Where ``lane`` goes on; its gaps are in the ledger when this returns. Raises as :class:`SpanWriter`."""
    (topic, number), committed = lane.key, lane.committed
    plan = committed.note if committed is not None and isinstance(committed.note, Plan) else None
    known = Known(
        writer.ledger_end(source, topic, number, lane.log.id),
        plan is not None and writer.accounted(source, topic, number, plan),
    )
    found = resume(committed, known, lane.log, now_us)
    told = tuple(_entry(source, lane, gap, collector, now_us) for gap in found.gaps)
    for entry in told:
        log.error("%s: nobody will read %d to %d: %s", lane.key, entry.start, entry.end, entry.why)
        # No clock in its token: a gap is told once, however often the way is judged.
        token = Plan(entry.start, entry.end, 0, log=entry.log).token(source, *lane.key)
        writer.account(entry, Block({}, 0, [], [], Counts()), f"{token}/gap")
    return Opened(found.position, found.plan, told, plan is not None and found.plan is None)


def _entry(source: str, lane: Lane, gap: Gap, collector: str, now_us: int) -> LedgerEntry:
    return LedgerEntry(
        source, *lane.key, gap.start, gap.end, now_us, gap=True, collector=collector, log=lane.log.id, why=gap.why
    )
