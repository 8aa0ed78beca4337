"""Sampling at the collector: whole traces, by a salted hash of the trace id.

The hash is another one than the client's, so that the two decisions are independent.
What is dropped here is dropped from what can be found; figures and edges hold it, by
its weight. A lower rate keeps a part of what a higher one keeps.
"""

from bisect import bisect_right
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from hopline.model import DEBUG
from hopline_collector.block.limits import DAY_US, NEWEST_US, OLDEST_US
from hopline_collector.block.normalise import Columns
from hopline_collector.rules.rules import ALL, Rate, Rules

_SALT: Final = b"hopline collector"
_HASH_RANGE: Final = 2**64


def keeps(trace_id: bytes, share: int) -> bool:
    """Whether a trace is among the ``share`` parts per million that are kept."""
    digest = blake2b(trace_id, digest_size=8, key=_SALT).digest()
    return int.from_bytes(digest, "big") * ALL < share * _HASH_RANGE


def share_at(rates: tuple[Rate, ...], at_us: int) -> int:
    """The share that holds for traces that began at ``at_us``."""
    place = bisect_right(rates, at_us, key=lambda rate: rate.since_us)
    return rates[place - 1].share if place else ALL


def began_us(trace_id: bytes, now_us: int) -> int:
    """When a trace began: what its id tells, or ``now_us`` for ids of others, which tell no time.

    Native ids begin with the Unix seconds of their creation. Other ids look like that by
    chance once in 7,000, which does no harm: all rows of a trace are judged alike.
    """
    told = int.from_bytes(trace_id[:4], "big") * 1_000_000
    return told if now_us - OLDEST_US - DAY_US <= told <= now_us + NEWEST_US else now_us


def sampled_out(columns: Columns, trace_ids: Iterable[bytes], rules: Rules, now_us: int) -> set[int]:
    """Rows of traces that the rate in force at the trace's beginning does not keep; debug rows always stay."""
    if all(rate.share >= ALL for rate in rules.rates):
        return set()
    dropped = {
        trace_id for trace_id in trace_ids if not keeps(trace_id, share_at(rules.rates, began_us(trace_id, now_us)))
    }
    rows = enumerate(zip(columns["trace_id"], columns["flags"], strict=True))
    return {row for row, (trace_id, flags) in rows if trace_id in dropped and not flags & DEBUG}
