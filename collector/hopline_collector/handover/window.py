"""Repetitions that the store may not recognise any more.

Each table remembers its last 10,000 blocks, a block once per partition that it touches: an
import over a month uses that up thirty times as fast. A block that is tried again later
than that would be stored twice, so it is found out first which of its rows are there:
every row bears its plan's clock.
"""

from dataclasses import replace
from typing import Final

from hopline_collector.block.core import Block
from hopline_collector.handover.plan import Plan
from hopline_collector.store.writer import SpanWriter

YOUNG_US: Final = 60_000_000
"""A plan younger than this is remembered, whatever came since."""


def unstored(writer: SpanWriter, block: Block, plan: Plan, now_us: int) -> tuple[Block, str]:
    """What of ``block`` has to be inserted, and what goes behind its token. Raises as :class:`SpanWriter`.

    Where none of it is there, it is the whole block under its own token: tables that still
    know it leave it alone. Where a part is there (some shards, some days) it is the rest,
    which is another block and needs another token.
    """
    if now_us - plan.now < YOUNG_US or not block.rows or not writer.forgets(plan.now):
        return block, ""
    found = writer.rows_of(plan.now, min(block.columns["start_us"]), max(block.columns["start_us"]))
    columns = block.columns
    names = zip(columns["trace_id"], columns["id"], columns["kind"], strict=True)
    rest = [row for row, name in enumerate(names) if columns["keep"][row] and name not in found]
    kept = sum(columns["keep"])
    if len(rest) == kept:
        return block, ""
    return replace(block, columns={n: [v[row] for row in rest] for n, v in columns.items()}, rows=len(rest)), "/rest"
