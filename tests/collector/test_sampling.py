"""Sampling at the collector: whole traces, by their own start, figures untouched."""

from hypothesis import given
from hypothesis import strategies as st

from hopline.model import DEBUG, SAMPLED
from hopline_collector.block.core import Block, Message, build_block
from hopline_collector.block.sampling import began_us, keeps, share_at
from hopline_collector.handover.ledger import balanced
from hopline_collector.handover.plan import Plan
from hopline_collector.rules.rules import ALL, Rate, Rules
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.writer import ClickHouseWriter
from support.oracle import differences
from support.wire_rows import NOW, wire_message, wire_row

HALF = ALL // 2
SECOND = NOW // 1_000_000


def trace(number: int, *, seconds: int = SECOND) -> bytes:
    """A native id: its time, then what would be random."""
    return seconds.to_bytes(4, "big") + number.to_bytes(12, "big")


def block_of(snapshot: Rules, *bodies: bytes) -> Block:
    messages = [Message(offset, "native", body) for offset, body in enumerate(bodies)]
    block = build_block(messages, Plan(0, len(bodies), NOW, rules=snapshot.number), snapshot)
    assert balanced(block.counts)
    return block


def test_a_share_of_traces_is_kept_near_the_rate() -> None:
    """C6: a hash that spreads evenly."""
    kept = sum(keeps(trace(number), 100_000) for number in range(20_000))
    assert 1_850 < kept < 2_150


@given(st.binary(min_size=16, max_size=16), st.integers(0, ALL), st.integers(0, ALL))
def test_a_lower_rate_keeps_a_part_of_what_a_higher_keeps(trace_id: bytes, one: int, other: int) -> None:
    """C6: rates are nested; nothing and everything are exact."""
    low, high = sorted((one, other))
    assert keeps(trace_id, high) or not keeps(trace_id, low)
    assert keeps(trace_id, ALL)
    assert not keeps(trace_id, 0)


def test_whole_traces_are_kept_or_dropped_across_blocks() -> None:
    """C6: every row of a trace shares its fate, and what is dropped is counted as sampled out."""
    snapshot = Rules(2, (Rate(0, HALF),))
    fates: dict[bytes, set[int]] = {}
    for part in range(3):
        rows = [wire_row(part * 1_000 + number + 1, trace_id=trace(number)) for number in range(200)]
        block = block_of(snapshot, wire_message(*rows))
        for trace_id, keep in zip(block.columns["trace_id"], block.columns["keep"], strict=True):
            fates.setdefault(trace_id, set()).add(keep)
        assert block.counts.sampled_out == block.columns["keep"].count(0)
        assert block.counts.stored == block.columns["keep"].count(1)
    assert {len(fate) for fate in fates.values()} == {1}
    assert 60 < sum(fate == {1} for fate in fates.values()) < 140


def test_a_changed_rate_applies_by_the_traces_own_start() -> None:
    """C6: a trace that began before the change keeps its rate however late its rows come."""
    change = (SECOND - 100) * 1_000_000
    rates = (Rate(0, ALL), Rate(change, 0))
    old, new = trace(1, seconds=SECOND - 101), trace(2, seconds=SECOND - 100)
    block = block_of(Rules(3, rates), wire_message(wire_row(1, trace_id=old), wire_row(2, trace_id=new)))
    assert block.columns["keep"] == [1, 0]
    assert share_at(rates, change - 1) == ALL
    assert share_at(rates, change) == 0


def test_ids_of_others_tell_no_time() -> None:
    """C6: for a foreign id the rate at arrival counts."""
    assert began_us(trace(1, seconds=SECOND - 50), NOW) == (SECOND - 50) * 1_000_000
    assert began_us(b"\xff" * 16, NOW) == NOW
    assert began_us(bytes(16), NOW) == NOW


def test_debug_rows_always_stay() -> None:
    """C6: who asked for a trace by hand gets it."""
    rows = (wire_row(1, trace_id=trace(1), flags=SAMPLED | DEBUG), wire_row(2, trace_id=trace(2)))
    assert block_of(Rules(3, (Rate(0, 0),)), wire_message(*rows)).columns["keep"] == [1, 0]


def test_figures_are_counted_before_the_drop(engine: ClickHouse) -> None:
    """C6: stats, edges and error groups hold what is dropped, by weight; what can be found does not."""
    rows = [
        wire_row(number + 1, trace_id=trace(number), weight=1_000 * (1 + number % 3), flags=1 | 8 * (number % 2))
        for number in range(100)
    ]
    block = block_of(Rules(2, (Rate(0, HALF),)), wire_message(*rows))
    assert 0 < block.counts.sampled_out < 100
    ClickHouseWriter(engine).write(block, "sampled")
    stored = [dict(zip(block.columns, values, strict=True)) for values in zip(*block.columns.values(), strict=True)]
    assert differences(engine, stored) == {}
