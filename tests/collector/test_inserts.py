"""Inserting on a thread of its own: the next partition is built meanwhile, and nothing is committed early."""

import threading

import pytest

from hopline_collector.block.core import Block, Message
from hopline_collector.handover.consumer import HandOver, HandOverSettings
from hopline_collector.handover.inserts import InsertThread, at_once
from hopline_collector.sources.source import Arrived, Assigned, Event, PartitionKey, Position, Revoked
from hopline_collector.store.errors import StoreAwayError
from hopline_collector.store.memory import MemoryWriter
from support.waiting import wait_until
from support.wire_rows import NOW, wire_message, wire_row

SETTINGS = HandOverSettings(block_rows=50, block_seconds=0.0)
ONE, TWO = PartitionKey("spans", 0), PartitionKey("spans", 1)


class Partitions:
    """A source of one message per partition; `events` come with the next poll."""

    name = "memory"

    def __init__(self, *keys: PartitionKey) -> None:
        self.commits: list[tuple[PartitionKey, Position]] = []
        self.epochs = dict.fromkeys(keys, 1)
        self.events: list[Event] = []
        for number, key in enumerate(keys, 1):
            self.events.append(Assigned(key, 1, Position(0, ""), 0, 1))
            self.events.append(Arrived(key, [Message(0, "native", wire_message(wire_row(number)))]))

    def poll(self, timeout: float) -> list[Event]:
        threading.Event().wait(min(timeout, 0.001))
        events, self.events = self.events, []
        return events

    def epoch(self, key: PartitionKey) -> int:
        return self.epochs.get(key, 0)

    def position(self, key: PartitionKey) -> int:
        return 1

    def commit(self, key: PartitionKey, position: Position) -> None:
        self.commits.append((key, position))

    def ended(self) -> list[PartitionKey]:
        """Partitions whose end is committed."""
        return [key for key, position in self.commits if position.offset == 1]

    def seek(self, key: PartitionKey, offset: int) -> None: ...
    def pause(self, key: PartitionKey) -> None: ...
    def resume(self, key: PartitionKey) -> None: ...
    def ends(self) -> dict[PartitionKey, int]:
        return dict.fromkeys(self.epochs, 1)

    def close(self) -> None: ...


class Slow(MemoryWriter):
    """Says when an insert has begun and holds it until `go`."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[str] = []
        self.go = threading.Event()

    def write(self, block: Block, token: str) -> None:
        self.begun.append(token)
        assert self.go.wait(60)
        super().write(block, token)


@pytest.fixture
def inserts() -> InsertThread:
    return InsertThread("insert")


def steps(line: HandOver, until: object) -> None:
    """Step until the condition holds."""

    def reached() -> bool:
        line.step(0.0)
        return bool(until())  # type: ignore[operator]

    wait_until(reached, what="the hand-over")


def test_the_next_partition_is_built_while_one_is_inserted(inserts: InsertThread) -> None:
    """C1: with one insert held the other partition gets as far as its block; an end is committed after its rows."""
    source, writer = Partitions(ONE, TWO), Slow()
    line = HandOver(source, writer, SETTINGS, clock=lambda: NOW, inserts=inserts)
    steps(line, lambda: writer.begun and all(lane.block for lane in line.lanes.values()))
    assert len(writer.begun) == 1
    assert source.ended() == []
    writer.go.set()
    steps(line, lambda: len(source.ended()) == 2)
    assert sorted(row["id"] for row in writer.rows) == [1, 2]
    inserts.close()


def test_a_partition_lost_during_its_insert_is_not_committed(inserts: InsertThread) -> None:
    """C1: whoever has it next inserts the same block under the same token, which adds nothing."""
    source, writer = Partitions(ONE), Slow()
    line = HandOver(source, writer, SETTINGS, clock=lambda: NOW, inserts=inserts)
    steps(line, lambda: writer.begun)
    plan = source.commits[-1][1]
    source.epochs[ONE] = 2
    again = Arrived(ONE, [Message(0, "native", wire_message(wire_row(1)))])
    source.events = [Revoked(ONE), Assigned(ONE, 2, plan, 0, 1), again]
    steps(line, lambda: line.lanes[ONE].epoch == 2)
    assert source.ended() == []
    writer.go.set()
    steps(line, lambda: source.ended() == [ONE])
    assert [row["id"] for row in writer.rows] == [1]
    assert len(writer.begun) == 2
    assert len(set(writer.begun)) == 1
    inserts.close()


def test_a_failure_on_the_thread_is_a_failure_of_the_block(inserts: InsertThread) -> None:
    """C2: the store was away during the insert: health says so, and the same block goes in later."""

    class Away(MemoryWriter):
        def write(self, block: Block, token: str) -> None:
            if not tokens:
                tokens.append(token)
                raise StoreAwayError("away")
            tokens.append(token)
            super().write(block, token)

    tokens: list[str] = []
    source = Partitions(ONE)
    line = HandOver(source, Away(), SETTINGS, clock=lambda: NOW, inserts=inserts)
    steps(line, lambda: line.lanes[ONE].trouble == "away")
    steps(line, lambda: source.ended() == [ONE])
    assert len(tokens) == 2
    assert len(set(tokens)) == 1
    assert line.lanes[ONE].trouble == ""
    inserts.close()


def test_a_hand_over_that_ends_commits_what_is_stored_by_then(inserts: InsertThread) -> None:
    """R6: the insert under way is waited for, so that the next start need not repeat it."""
    source, writer, stop = Partitions(ONE), Slow(), threading.Event()
    line = HandOver(source, writer, SETTINGS, clock=lambda: NOW, inserts=inserts)
    running = threading.Thread(target=line.run, args=(stop,))
    running.start()
    wait_until(lambda: bool(writer.begun), what="an insert")
    stop.set()
    writer.go.set()
    running.join(60)
    assert source.ended() == [ONE]
    inserts.close()


def test_work_that_is_done_at_once_tells_what_it_raised() -> None:
    """C1: both ways of inserting answer alike."""

    def fail() -> None:
        raise StoreAwayError("away")

    assert isinstance(at_once(fail).exception(), StoreAwayError)
    assert at_once(lambda: None).result() is None
