"""From measured loads to the assumptions of a capacity plan. Pure.

A span costs CPU by itself, and each block that is inserted costs some however few rows it has. Two loads of one source
with blocks of different sizes tell the two apart.
"""

from dataclasses import replace

from hopline_deploy.bench.measure import Cost
from hopline_deploy.capacity import Assumptions


def assumptions(slow: Cost, fast: Cost, base: Assumptions) -> Assumptions:
    """`base` with what two loads of our own format cost here; what cannot be told apart is the span's own.

    CPU per span = own + block / rows of a block, so two loads are two equations.
    """
    apart = 1 / slow.block_rows - 1 / fast.block_rows
    block_us = max(0.0, (slow.cpu_us - fast.cpu_us) / apart) if apart > 0 else 0.0
    decode_us = fast.decode_us or base.collector_cpu_us
    own_us = max(fast.cpu_us - block_us / fast.block_rows, decode_us)
    return replace(
        base,
        collector_cpu_us=decode_us,
        store_cpu_us=max(0.01, round(own_us - decode_us, 2)),
        block_cpu_ms=max(0.01, round(block_us / 1_000, 2)),
        blocks_per_s=round(fast.spans_per_s / fast.block_rows, 3),
        stored_bytes=fast.stored_bytes or base.stored_bytes,
    )
