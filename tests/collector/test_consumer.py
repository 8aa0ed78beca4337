"""The hand-over on the journal: a death at any call, troubles of the store, poison."""

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hopline_collector.block import core
from hopline_collector.handover import plan as plans
from hopline_collector.handover.consumer import HandOver, HandOverSettings
from hopline_collector.handover.ledger import balanced, flaws
from hopline_collector.handover.plan import Plan
from hopline_collector.sources.journal import Journal
from hopline_collector.sources.source import Position
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreAwayError, StoreError, StoreRefusedError
from hopline_collector.store.memory import MemoryWriter
from hopline_collector.store.writer import ClickHouseWriter, SpanWriter
from support.oracle import differences, rows_of
from support.wire_rows import NOW, random_row, wire_message, wire_row

SETTINGS = HandOverSettings(block_rows=50, block_seconds=0.0)


class Death(BaseException):
    """The process is gone at this call."""


class Mortal:
    """Passes calls on and dies at the `fatal`th of those that change something, before or after it."""

    def __init__(self, target: Any, life: "Life") -> None:
        self._target = target
        self._life = life

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if name not in {"commit", "write", "account"}:
            return found

        def call(*arguments: Any) -> Any:
            with self._life.risk():
                return found(*arguments)

        return call


class Life:
    def __init__(self, fatal: int, *, before: bool) -> None:
        self.calls = 0
        self._fatal = fatal
        self._before = before

    def risk(self) -> "Life":
        return self

    def __enter__(self) -> None:
        self.calls += 1
        if self._before and self.calls == self._fatal:
            raise Death

    def __exit__(self, *_: object) -> None:
        if not self._before and self.calls == self._fatal:
            raise Death


def bodies(count: int = 6) -> list[bytes]:
    source = random.Random(3)
    good = [wire_message(*[random_row(source) for _ in range(20)]) for _ in range(count)]
    return [*good[:3], b"\xc1poison", *good[3:]]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


def reopen(journal: Journal, path: Path) -> Journal:
    journal.close()
    return Journal(path)


def drain(line: HandOver, journal: Journal, rounds: int = 200) -> None:
    """Step until everything is handed over."""
    for _ in range(rounds):
        line.step(0.0)
        lanes = list(line.lanes.values())
        if lanes and all(lane.start >= journal.ends()[lane.key] for lane in lanes):
            return
    raise AssertionError([(lane.trouble, lane.start, lane.plan) for lane in line.lanes.values()])


def ids_of(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted((row["trace_id"], row["id"], row["kind"], row["start_us"]) for row in rows)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("fatal", range(1, 13))
def test_a_death_at_any_call_loses_and_doubles_nothing(tmp_path: Path, fatal: int, before: bool) -> None:
    """C1: killed at each commit, insert and account, before and after it took effect; then started again."""
    path, writer = tmp_path / "journal.sqlite", MemoryWriter()
    journal = Journal(path)
    everything = bodies()
    journal.append([("native", body) for body in everything])
    life = Life(fatal, before=before)
    clock = iter(range(NOW, NOW + 1_000_000_000, 1_000_000))
    line = HandOver(Mortal(journal, life), Mortal(writer, life), SETTINGS, clock=lambda: next(clock))
    with pytest.raises(Death):
        drain(line, journal)
    journal = reopen(journal, path)
    drain(HandOver(journal, writer, SETTINGS, clock=lambda: next(clock)), journal)
    assert ids_of(writer.rows) == ids_of(rows_of(everything, NOW))
    assert [letter.raw for letter in writer.dead] == [b"\xc1poison"]
    assert list(flaws((e.start, e.end) for e in writer.ledger)) == []
    assert all(balanced(e.counts) for e in writer.ledger)
    journal.close()


def test_deaths_leave_every_table_of_the_engine_exact(tmp_path: Path, engine: ClickHouse) -> None:
    """C1: the same on ClickHouse, one death after the other, every table against a recount."""
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    everything = bodies(9)
    journal.append([("native", body) for body in everything])
    writer = ClickHouseWriter(engine)
    for fatal in (1, 2, 3, 4, 5, 3, 4):
        for before in (True, False):
            life = Life(fatal, before=before)
            line = HandOver(Mortal(journal, life), Mortal(writer, life), SETTINGS, clock=lambda: NOW)
            with contextlib.suppress(Death):
                drain(line, journal)
            journal = reopen(journal, path)
    drain(HandOver(journal, writer, SETTINGS, clock=lambda: NOW), journal)
    assert differences(engine, rows_of(everything, NOW)) == {}
    journal.close()


def test_a_table_that_takes_no_more_gets_the_rest_of_the_same_block(journal: Journal, engine: ClickHouse) -> None:
    """C1: others have the block by then: another plan for its range would store it in those once more."""
    everything = bodies()
    line = hand_over(journal, ClickHouseWriter(engine))
    journal.append([("native", body) for body in everything[:2]])
    drain(line, journal)
    (lane,) = line.lanes.values()
    engine.define(f"ALTER TABLE {engine.database}.call_sides MODIFY SETTING max_parts_in_total = 1")
    journal.append([("native", body) for body in everything[2:]])
    line.step(0.0)
    begun = lane.plan
    line.step(0.0)
    assert lane.plan == begun
    assert "Too many parts" in lane.trouble
    engine.define(f"ALTER TABLE {engine.database}.call_sides RESET SETTING max_parts_in_total")
    drain(line, journal)
    assert differences(engine, rows_of(everything, NOW)) == {}


class Troubled(MemoryWriter):
    """Raises what it is told to, so often, before it writes."""

    def __init__(self, *errors: StoreError) -> None:
        super().__init__()
        self.errors = list(errors)
        self.tokens: list[str] = []

    def write(self, block: core.Block, token: str) -> None:
        self.tokens.append(token)
        if self.errors:
            raise self.errors.pop(0)
        super().write(block, token)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        self.now += 10.0
        return self.now


def hand_over(journal: Journal, writer: SpanWriter) -> HandOver:
    return HandOver(journal, writer, SETTINGS, clock=lambda: NOW, monotonic=Clock())


def test_a_store_that_is_away_gets_the_same_block_again(journal: Journal) -> None:
    """C2: any number of failures, one token, nothing lost, and health says why."""
    writer = Troubled(*[StoreAwayError("no space left")] * 40)
    journal.append([("native", wire_message(wire_row(1)))])
    line = hand_over(journal, writer)
    for _ in range(10):
        line.step(0.0)
    (lane,) = line.lanes.values()
    assert (lane.trouble, lane.stopped) == ("no space left", False)
    drain(line, journal)
    assert len(set(writer.tokens)) == 1
    assert len(writer.rows) == 1
    assert lane.trouble == ""


def test_an_insert_that_keeps_failing_stops_the_partition(journal: Journal) -> None:
    """C1: after 20 failures of unknown kind nothing is guessed: the partition stands and says so."""
    writer = Troubled(*[StoreError("a view threw")] * 25)
    journal.append([("native", wire_message(wire_row(1)))])
    line = hand_over(journal, writer)
    for _ in range(60):
        line.step(0.0)
    (lane,) = line.lanes.values()
    assert (lane.stopped, lane.trouble) == (True, "a view threw")
    assert len(writer.tokens) == 20
    assert len(set(writer.tokens)) == 1


def test_a_refused_block_is_halved_down_to_the_offending_message(journal: Journal) -> None:
    """C3: a message that makes the engine refuse is set aside, its neighbours are stored."""

    class Refusing(MemoryWriter):
        def write(self, block: core.Block, token: str) -> None:
            if 666 in block.columns["id"]:
                raise StoreRefusedError("too many partitions")
            super().write(block, token)

    writer = Refusing()
    journal.append([("native", wire_message(wire_row(number))) for number in (1, 2, 666, 4, 5)])
    drain(hand_over(journal, writer), journal)
    assert sorted(row["id"] for row in writer.rows) == [1, 2, 4, 5]
    assert [(letter.offset, letter.reason) for letter in writer.dead] == [(3, "skipped")]


def test_a_message_that_kills_while_it_is_decoded_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C3, R1: after three deaths in decoding the range halves until one message is left, which is skipped."""
    path, writer = tmp_path / "journal.sqlite", MemoryWriter()
    journal = Journal(path)
    journal.append([("native", b"\xc1bomb" if n == 2 else wire_message(wire_row(n))) for n in (1, 2, 3, 4)])

    def deadly(messages: Any, plan: Plan, *others: Any) -> core.Block:
        found = list(messages)
        if any(m.body == b"\xc1bomb" and m.offset not in plan.skip for m in found):
            raise Death
        return core.build_block(found, plan, *others)

    monkeypatch.setattr("hopline_collector.handover.consumer.build_block", deadly)
    deaths = 0
    while deaths < 50:
        try:
            drain(hand_over(journal, writer), journal)
            break
        except Death:
            deaths += 1
            journal = reopen(journal, path)
    assert deaths == 12
    assert sorted(row["id"] for row in writer.rows) == [1, 3, 4]
    assert [(letter.offset, letter.raw) for letter in writer.dead] == [(2, b"\xc1bomb")]
    journal.close()


def test_a_plan_of_a_later_version_is_not_planned_over(journal: Journal) -> None:
    """C1: rows may be stored under it, so the partition stands until somebody looks."""
    writer = MemoryWriter()
    journal.append([("native", wire_message(wire_row(1)))])
    journal.commit(journal.key, Position(1, '{"v":2}'))
    line = hand_over(journal, writer)
    for _ in range(5):
        line.step(0.0)
    (lane,) = line.lanes.values()
    assert lane.stopped
    assert writer.rows == []


def test_what_the_ledger_has_is_not_read_again(tmp_path: Path) -> None:
    """C1: reading starts at the later of committed offset and ledger end."""
    path, writer = tmp_path / "journal.sqlite", MemoryWriter()
    journal = Journal(path)
    journal.append([("native", wire_message(wire_row(1))), ("native", wire_message(wire_row(2)))])
    drain(hand_over(journal, writer), journal)
    journal.commit(journal.key, Position(1, ""))
    journal.append([("native", wire_message(wire_row(3)))])
    journal = reopen(journal, path)
    drain(hand_over(journal, writer), journal)
    assert [row["id"] for row in writer.rows] == [1, 2, 3]
    journal.close()


def test_reading_pauses_when_the_buffer_is_full_and_goes_on_later(journal: Journal) -> None:
    """C2: with the store away memory is bounded, and polling goes on."""
    writer = Troubled(*[StoreAwayError("away")] * 30)
    settings = HandOverSettings(block_rows=10, block_seconds=0.0, buffer_bytes=20_000)
    line = HandOver(journal, writer, settings, clock=lambda: NOW, monotonic=Clock())
    body = wire_message(*[wire_row(n) for n in range(1, 31)])
    for _ in range(20):
        journal.append([("native", body)])
        line.step(0.0)
    (lane,) = line.lanes.values()
    assert lane.paused
    assert lane.bytes < 20_000 + 2 * len(body)
    drain(line, journal, 400)
    assert len(line.lanes) == 1
    assert not lane.messages


def test_an_expired_range_is_a_gap_in_the_ledger(journal: Journal) -> None:
    """C8: what the log had dropped is told, once."""
    from hopline_collector.sources.source import Assigned

    writer = MemoryWriter()
    journal.append([("native", wire_message(wire_row(n))) for n in (1, 2, 3)])

    class Expired:
        def __getattr__(self, name: str) -> Any:
            return getattr(journal, name)

        def poll(self, timeout: float) -> list[Any]:
            return [
                Assigned(e.key, e.epoch, e.position, 3, e.log_end) if isinstance(e, Assigned) else e
                for e in journal.poll(timeout)
            ]

    drain(HandOver(Expired(), writer, SETTINGS, clock=lambda: NOW), journal)
    assert [(e.start, e.end, e.gap) for e in writer.ledger] == [(1, 3, True), (3, 4, False)]
    assert [row["id"] for row in writer.rows] == [3]


def test_a_partition_that_was_taken_away_is_never_committed(journal: Journal) -> None:
    """C1: the broker takes commits of members that own the partition no longer, so the fence is ours."""
    writer = MemoryWriter()
    commits: list[Position] = []

    class Taken:
        def __getattr__(self, name: str) -> Any:
            return getattr(journal, name)

        def epoch(self, key: Any) -> int:
            return 0 if writer.rows else journal.epoch(key)

        def commit(self, key: Any, position: Position) -> None:
            commits.append(position)
            journal.commit(key, position)

    journal.append([("native", wire_message(wire_row(1)))])
    line = HandOver(Taken(), writer, SETTINGS, clock=lambda: NOW)
    for _ in range(5):
        line.step(0.0)
    assert [plans.decode(1, position.metadata) is not None for position in commits] == [True, True, True]
    assert line.lanes == {}
