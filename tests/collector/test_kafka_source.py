"""Kafka as a source, on a real broker: positions with plans, rebalances, and the fence."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError

from hopline_collector.block.core import Block
from hopline_collector.door.intake import IntakeAwayError, KafkaIntake
from hopline_collector.handover.consumer import HandOver, HandOverSettings
from hopline_collector.handover.ledger import flaws
from hopline_collector.sources.kafka_log import KafkaSettings, KafkaSource
from hopline_collector.sources.source import Assigned, PartitionKey, Position, SourceError
from hopline_collector.store.memory import MemoryWriter
from hopline_deploy.broker import Broker
from support.waiting import wait_until
from support.wire_rows import NOW, wire_message, wire_row

Topic = Callable[..., str]
Open = Callable[[str], KafkaSource]


@pytest.fixture
def source(kafka_broker: Broker) -> Iterator[Open]:
    """``source(topic)`` joins the group that is named like the topic."""
    opened: list[KafkaSource] = []

    def join(topic: str) -> KafkaSource:
        settings = KafkaSettings((kafka_broker.address,), group=topic, topics={topic: "native"}, session_seconds=30.0)
        opened.append(KafkaSource(settings))
        return opened[-1]

    yield join
    for one in opened:
        one.close()


def send(broker: Broker, topic: str, *bodies: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.address, acks="all", api_version=(4, 3))
    for body in bodies:
        producer.send(topic, value=body, partition=0).get(timeout=60)
    producer.close()


def assigned(source: KafkaSource) -> Assigned:
    found: list[Assigned] = []

    def look() -> bool:
        found.extend(event for event in source.poll(0.2) if isinstance(event, Assigned))
        return bool(found)

    wait_until(look, what="an assignment")
    return found[0]


def test_a_position_with_its_text_comes_back(kafka_broker: Broker, topic: Topic, source: Open) -> None:
    """C1: a plan survives its collector as metadata of the committed offset."""
    name = topic(1)
    first = source(name)
    key = assigned(first).key
    send(kafka_broker, name, b"a", b"b")
    first.commit(key, Position(1, '{"v":1}'))
    first.close()
    event = assigned(source(name))
    assert (event.position, event.log_start, event.log_end) == (Position(1, '{"v":1}'), 0, 2)


def test_a_text_too_long_is_a_source_error(topic: Topic, source: Open) -> None:
    """C1: a commit that the broker refuses does not hang and is told."""
    joined = source(topic(1))
    key = assigned(joined).key
    with pytest.raises(SourceError):
        joined.commit(key, Position(0, "x" * 5_000))


class Interrupted(MemoryWriter):
    """Calls `meanwhile` before the first block is written: between its plan and its commit."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        super().__init__()
        self._meanwhile: Callable[[], None] | None = meanwhile

    def write(self, block: Block, token: str) -> None:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile()
        super().write(block, token)


def test_a_rebalance_between_plan_and_commit(kafka_broker: Broker, topic: Topic, source: Open) -> None:
    """C1, C9: the partition moves while its block is under way; the next owner repeats exactly that block."""
    name = topic(1)
    send(kafka_broker, name, *[wire_message(wire_row(n)) for n in range(1, 21)])
    first = source(name)
    settings = HandOverSettings(block_rows=5, block_seconds=0.0)
    second: list[KafkaSource] = []

    def lose_it() -> None:
        """The first member leaves the group without knowing (as if it had hung), and another takes over."""
        first.close()
        second.append(source(name))
        wait_until(lambda: any(isinstance(e, Assigned) and not taken.append(e) for e in second[0].poll(0.2)))

    taken: list[Any] = []
    writer = Interrupted(lose_it)
    line = HandOver(first, writer, settings, clock=lambda: NOW)
    for _ in range(100):
        try:
            line.step(0.1)
        except SourceError:
            break
        if second:
            break
    assert len(writer.rows) > 0
    (event,) = taken
    assert '"phase":"insert"' in event.position.metadata

    class Replayed:
        """The second member with its assignment told once more."""

        def __init__(self) -> None:
            self._events: list[Any] = [event]

        def __getattr__(self, attribute: str) -> Any:
            return getattr(second[0], attribute)

        def poll(self, timeout: float) -> list[Any]:
            told, self._events = self._events, []
            return told or second[0].poll(timeout)

    after = HandOver(Replayed(), writer, settings, clock=lambda: NOW + 1)

    def finished() -> bool:
        after.step(0.1)
        return len(writer.rows) >= 20 and max((e.end for e in writer.ledger), default=0) >= 20

    wait_until(finished, interval=0.0)
    assert sorted(row["id"] for row in writer.rows) == list(range(1, 21))
    assert list(flaws((e.start, e.end) for e in writer.ledger)) == []


def test_two_members_share_and_take_over(kafka_broker: Broker, topic: Topic, source: Open) -> None:
    """C9: each partition has one owner at a time, and the one that stays gets all when the other leaves."""
    name = topic(2)
    keys = [PartitionKey(name, 0), PartitionKey(name, 1)]
    stop = threading.Event()
    sources = [source(name), source(name)]
    owned: list[set[PartitionKey]] = [set(), set()]

    def poll_on(number: int) -> None:
        while not stop.is_set():
            sources[number].poll(0.1)
            owned[number] = {key for key in keys if sources[number].epoch(key)}

    threads = [threading.Thread(target=poll_on, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(owned[0]) == len(owned[1]) == 1, what="one partition each")
        assert not owned[0] & owned[1]
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_posts_larger_than_a_message_are_sent_in_pieces(kafka_broker: Broker, topic: Topic, source: Open) -> None:
    """S3, C4: a body over the broker's limit becomes several messages, and nothing of it is lost."""
    name = topic(1)
    intake = KafkaIntake((kafka_broker.address,), {name: "native"}, {})
    rows = [wire_row(n, attrs={"url": "x" * 6_000}) for n in range(1, 301)]
    intake.accept([("native", wire_message(*rows))], None)
    intake.close()
    writer = MemoryWriter()
    line = HandOver(source(name), writer, HandOverSettings(block_seconds=0.0), clock=lambda: NOW)

    def stored() -> bool:
        line.step(0.1)
        return len(writer.rows) == 300

    wait_until(stored, interval=0.0)


def test_a_broker_that_is_not_there_is_told_and_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """C4: a post without a broker ends as "try again", and the next one gets a producer of its own."""

    class Unreachable:
        def send(self, _topic: str, value: bytes) -> None:
            raise KafkaTimeoutError(f"no metadata for {len(value)} bytes")

        def close(self, timeout: float) -> None:
            closed.append(timeout)

    closed: list[float] = []
    monkeypatch.setattr("hopline_collector.door.intake._producer", lambda *_: Unreachable())
    intake = KafkaIntake(("127.0.0.1:1",), {"t": "native"}, {})
    for _ in range(2):
        with pytest.raises(IntakeAwayError):
            intake.accept([("native", b"x")], None)
    assert len(closed) == 2
