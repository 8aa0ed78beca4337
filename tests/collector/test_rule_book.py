"""Making snapshots: numbers rise, never mean two things, and hold what blocks brought."""

from pathlib import Path

import pytest

from hopline_collector.block.core import Message, build_block
from hopline_collector.handover.consumer import HandOver, HandOverSettings
from hopline_collector.handover.ledger import balanced
from hopline_collector.handover.plan import Plan
from hopline_collector.rules import rule_book, rules
from hopline_collector.rules.rule_book import RuleBook, Snapshots
from hopline_collector.rules.rules import ALL, OTHER, News, Rate, Rules, RulesError
from hopline_collector.sources.journal import Journal
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreAwayError
from hopline_collector.store.memory import MemorySnapshots, MemoryWriter
from hopline_collector.store.snapshots import ClickHouseSnapshots
from hopline_collector.store.writer import ClickHouseWriter
from support.wire_rows import NOW, wire_message, wire_row

DAY = 86_400_000_000
BIG = (7).to_bytes(16, "big")


@pytest.fixture(params=["memory", "engine"])
def snapshots(request: pytest.FixtureRequest) -> Snapshots:
    if request.param == "memory":
        return MemorySnapshots()
    return ClickHouseSnapshots(request.getfixturevalue("engine"))


def known(book: RuleBook, now: int = NOW) -> Rules:
    return book.load(book.current(now))


def test_of_two_offers_under_a_number_the_first_counts(snapshots: Snapshots) -> None:
    """C5: two makers at once, one number, one meaning."""
    assert snapshots.newest() is None
    assert snapshots.read(1) is None
    assert snapshots.offer(1, "first", NOW) == "first"
    assert snapshots.offer(1, "second", NOW - 5) == "first"
    assert snapshots.offer(2, "third", NOW) == "third"
    assert snapshots.newest() == (2, "third")
    assert snapshots.read(1) == "first"


def test_two_collectors_make_one_line_of_snapshots(snapshots: Snapshots) -> None:
    """C5: what either learnt is in the newest; no number is skipped and none is made without news."""
    one, other = RuleBook(snapshots), RuleBook(snapshots)
    first = one.current(NOW)
    assert other.current(NOW) == first
    one.observe(News({"orders": ["a"]}))
    other.observe(News({"orders": ["b"], "users": ["c"]}))
    assert one.current(NOW) == first + 1
    assert other.current(NOW) == first + 2
    assert known(other).operations == {"orders": frozenset("ab"), "users": frozenset("c")}
    assert other.current(NOW) == first + 2
    assert one.load(first + 2) == other.load(first + 2)


def test_a_snapshot_that_is_not_there_is_an_error(snapshots: Snapshots) -> None:
    """C5: a plan may name rules that were lost; nobody guesses them."""
    assert RuleBook(snapshots).load(0) == Rules()
    with pytest.raises(RulesError, match="rules 7"):
        RuleBook(snapshots).load(7)


def test_a_rate_is_set_once_and_others_may_change_it() -> None:
    """C6: two collectors with different settings do not take turns."""
    snapshots = MemorySnapshots()
    one, other = RuleBook(snapshots, ALL // 2), RuleBook(snapshots, ALL // 4)
    assert known(one).rates == (Rate(NOW, ALL // 2),)
    assert known(other, NOW + 1).rates == (Rate(NOW, ALL // 2), Rate(NOW + 1, ALL // 4))
    later = RuleBook(snapshots)
    assert known(later, NOW + 2).rates == known(one, NOW + 2).rates or later.current(NOW) == other.current(NOW)
    assert len(known(RuleBook(snapshots, ALL), NOW + 20 * DAY).rates) == 2


def test_a_large_trace_is_closed_and_shown() -> None:
    """C5: asked for when a block holds much of it, and found by the sweep when it grows slowly."""
    snapshots = MemorySnapshots()
    seconds = iter(range(0, 100_000, 30))
    book = RuleBook(snapshots, monotonic=lambda: next(seconds))
    snapshots.sizes = {BIG: rules.ROWS_PER_TRACE - 1}
    book.observe(News(suspects=frozenset({BIG})))
    assert known(book).closed == {}
    snapshots.sizes[BIG] += 1
    numbers = [book.current(NOW + step) for step in range(6)]
    assert BIG in book.load(numbers[-1]).closed
    assert snapshots.closed == [BIG]
    assert known(book, NOW + 30 * DAY).closed.keys() <= {BIG}


def test_names_out_of_use_make_room() -> None:
    """C5: once a day what is known becomes what is in use."""
    snapshots = MemorySnapshots()
    book = RuleBook(snapshots)
    book.observe(News({"orders": ["old", OTHER]}))
    assert known(book).operations == {"orders": frozenset({"old"})}
    snapshots.in_use = {"orders": frozenset({"new"})}
    assert known(book, NOW + DAY).operations == {"orders": frozenset({"old"})}
    assert known(book, NOW + DAY + 1).operations == {"orders": frozenset({"new"})}


def test_a_bomb_of_services_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """C5: a snapshot holds so many names at most."""
    monkeypatch.setattr(rules, "NAMES_MAX", 10)
    book = RuleBook(MemorySnapshots())
    book.observe(News({f"s{number}": ["a", "b"] for number in range(50)}))
    number = book.current(NOW)
    assert sum(map(len, book.load(number).operations.values())) == 10
    book.observe(News({"more": ["a"]}))
    assert book.current(NOW) == number


def test_a_full_snapshot_makes_room_within_the_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """K5: what is out of use goes, so that new services need not wait for a day."""
    monkeypatch.setattr(rules, "NAMES_MAX", 3)
    snapshots = MemorySnapshots()
    book = RuleBook(snapshots)
    book.observe(News({"bomb": ["a", "b", "c"]}))
    assert known(book).room == 0
    snapshots.in_use = {"bomb": frozenset({"a"})}
    assert known(book, NOW + rule_book.REVIEW_FULL_US).room == 0
    assert known(book, NOW + rule_book.REVIEW_FULL_US + 1).room == 2


def test_of_too_many_names_in_use_every_service_keeps_its_latest(
    engine: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K5: one large service leaves room for the small ones."""
    hour = DAY // 24
    late = [wire_row(number, name=f"op{number}", start_us=NOW - (9 - number) * hour) for number in range(1, 9)]
    bodies = [wire_message(*late)] + [
        wire_message(wire_row(100 + number, name="only"), process={"service": f"s{number}"}) for number in range(2)
    ]
    block = build_block([Message(n, "native", body) for n, body in enumerate(bodies)], Plan(0, 3, NOW))
    ClickHouseWriter(engine).write(block, "t")
    monkeypatch.setattr("hopline_collector.store.snapshots.IN_USE_MOST", 5)
    found = ClickHouseSnapshots(engine).operations_in_use(NOW)
    assert found == {"orders": {"op8", "op7", "op6"}, "s0": {"only"}, "s1": {"only"}}


def test_a_store_that_is_away_delays_the_next_snapshot_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """C2: plans go on under the rules that are known."""
    snapshots = MemorySnapshots()
    book = RuleBook(snapshots)
    number = book.current(NOW)

    def away(*_: object) -> str:
        raise StoreAwayError("gone")

    book.observe(News({"orders": ["a"]}))
    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "offer", away)
        assert book.current(NOW) == number
    assert book.load(book.current(NOW)).operations == {"orders": frozenset({"a"})}
    monkeypatch.setattr(snapshots, "newest", away)
    with pytest.raises(StoreAwayError):
        RuleBook(snapshots).current(NOW)


def test_the_store_tells_sizes_and_operations(engine: ClickHouse) -> None:
    """C5: what goes into a snapshot is read from the tables."""
    rows = [wire_row(number, trace_id=BIG, name=f"op{number % 3}") for number in range(1, 11)]
    block = build_block([Message(0, "native", wire_message(*rows, wire_row(99)))], Plan(0, 1, NOW))
    ClickHouseWriter(engine).write(block, "t")
    store = ClickHouseSnapshots(engine)
    assert store.too_large([BIG, bytes(16)], 10, NOW) == {BIG}
    assert store.too_large([BIG], 11, NOW) == set()
    assert store.too_large((), 10, NOW) == {BIG}
    assert store.operations_in_use(NOW)["orders"] == {"op0", "op1", "op2", "GET /orders/{id}"}
    store.close_traces({BIG}, NOW)
    with engine.reader() as handle:
        found = handle.query(f"SELECT hex(trace_id), at_us FROM {engine.database}.closed_traces").result_rows
    assert found == [(BIG.hex().upper(), NOW)]


def test_what_the_last_collector_could_not_write_down_is_learnt_from_the_tables() -> None:
    """C5: killed between a block and the next snapshot, names are not forgotten."""
    snapshots = MemorySnapshots()
    number = RuleBook(snapshots).current(NOW)
    snapshots.in_use = {"orders": frozenset({"a"})}
    again = RuleBook(snapshots)
    assert again.current(NOW) == number + 1
    assert again.load(number + 1).operations == {"orders": frozenset({"a"})}


def test_the_hand_over_limits_operations_over_many_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C5: a bomb of names over many blocks ends exactly at the limit."""
    monkeypatch.setattr(rules, "OPERATIONS_MAX", 30)
    monkeypatch.setattr(rule_book, "OPERATIONS_MAX", 30)
    journal, writer = Journal(tmp_path / "journal.sqlite"), MemoryWriter()
    settings = HandOverSettings(block_rows=1, block_seconds=0.0)
    line = HandOver(journal, writer, settings, rules=RuleBook(MemorySnapshots()), clock=lambda: NOW)
    for part in range(8):
        names = [f"GET /{part}/{number}" for number in range(10)]
        journal.append([("native", wire_message(*[wire_row(n + 1, name=name) for n, name in enumerate(names)]))])
        for _ in range(3):
            line.step(0.0)
    assert len(writer.ledger) == 8
    assert all(balanced(entry.counts) for entry in writer.ledger)
    assert len({row["name"] for row in writer.rows} - {OTHER}) == 30
    assert sum(row["name"] == OTHER for row in writer.rows) == 50
    journal.close()
