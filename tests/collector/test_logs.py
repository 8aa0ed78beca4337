"""Which log a range belongs to, on a real broker and in a real store: topics, offsets and positions come again."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer, OffsetAndMetadata, TopicPartition

from hopline_collector.handover.consumer import HandOver, HandOverSettings
from hopline_collector.sources.kafka_log import KafkaSettings, KafkaSource
from hopline_collector.sources.source import SourceError
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.writer import ClickHouseWriter
from hopline_deploy.broker import Broker
from support.kafka import create_topic
from support.waiting import wait_until
from support.wire_rows import wire_message, wire_row

Topic = Callable[..., str]
SETTINGS = HandOverSettings(block_rows=10, block_seconds=0.0)


def row(number: int) -> bytes:
    return wire_message(wire_row(number, start_us=time.time_ns() // 1000))


def send(broker: Broker, topic: str, numbers: range) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.address, acks="all", api_version=(4, 3))
    for number in numbers:
        producer.send(topic, value=row(number), partition=0)
    producer.close()


class Collecting:
    """A hand-over of one topic into `store`, moved on by hand."""

    def __init__(self, broker: Broker, topic: str, store: ClickHouse) -> None:
        settings = KafkaSettings((broker.address,), group=topic, topics={topic: "native"}, session_seconds=30.0)
        self._source, self._store = KafkaSource(settings), store
        self._line = HandOver(self._source, ClickHouseWriter(store), SETTINGS)

    def until(self, condition: Callable[[], Any], what: str) -> None:
        def look() -> Any:
            try:
                self._line.step(0.1)
            except SourceError:
                return False
            return condition()

        wait_until(look, interval=0.0, what=what)

    def until_stored(self, *numbers: int) -> None:
        """Every row is stored, each once, and nothing is on its way any more."""
        wanted = sorted(numbers)
        self.until(lambda: stored(self._store) == wanted, f"rows {wanted[:1]} to {wanted[-1:]}")
        self.until(lambda: all(lane.plan is None for lane in self._line.lanes.values()), "the last commit")
        assert stored(self._store) == wanted

    def stop_reading(self) -> None:
        """As with a full buffer; the request for more that is on its way comes back empty within half a second."""
        for key in self._line.lanes:
            self._source.pause(key)
        self._line.step(1.0)

    def go_on_reading(self) -> None:
        for key in self._line.lanes:
            self._source.resume(key)

    def close(self) -> None:
        self._source.close()


def stored(store: ClickHouse) -> list[int]:
    return [int(number) for (number,) in store.ask(f"SELECT id FROM {store.database}.spans ORDER BY id")]


def gaps(store: ClickHouse) -> list[tuple[Any, ...]]:
    return store.ask(
        f"SELECT start_offset, end_offset, why FROM {store.database}.ledger WHERE gap ORDER BY start_offset"
    )


@pytest.fixture
def collecting(kafka_broker: Broker, engine: ClickHouse) -> Iterator[Callable[..., Collecting]]:
    """``collecting(topic, broker=the shared one)`` begins to hand over."""
    with ExitStack() as stack:
        yield lambda topic, broker=kafka_broker: stack.enter_context(closing(Collecting(broker, topic, engine)))


def begun(broker: Broker, collecting: Callable[..., Collecting], topic: Topic, last: int) -> tuple[str, Collecting]:
    """A topic whose rows 1 to `last` are stored, and who stored them."""
    name = topic(1)
    send(broker, name, range(1, last + 1))
    running = collecting(name)
    running.until_stored(*range(1, last + 1))
    return name, running


def remake(broker: Broker, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    try:
        admin.delete_topics([topic])
        wait_until(lambda: topic not in admin.list_topics(), what="the topic to be gone")
    finally:
        admin.close()
    create_topic(broker, topic, 1)


def trim(broker: Broker, topic: str, before: int) -> None:
    """The topic's retention drops what lies before the offset."""
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    try:
        admin.delete_records({TopicPartition(topic, 0): before})
    finally:
        admin.close()


def test_two_clusters_with_one_topic_fill_one_store(
    kafka_broker: Broker, own_broker: Broker, collecting: Callable[..., Collecting], topic: Topic, engine: ClickHouse
) -> None:
    """K2: the same topic, partition and offsets of another cluster are other messages."""
    name = topic(1)
    create_topic(own_broker, name, 1)
    send(kafka_broker, name, range(1, 41))
    send(own_broker, name, range(101, 121))
    collecting(name).until_stored(*range(1, 41))
    collecting(name, own_broker).until_stored(*range(1, 41), *range(101, 121))
    assert gaps(engine) == []


def test_a_topic_that_was_made_anew_is_read_from_its_start(
    kafka_broker: Broker, collecting: Callable[..., Collecting], topic: Topic, engine: ClickHouse
) -> None:
    """K2: its offsets begin again, and so does reading; with the collector away meanwhile."""
    name, first = begun(kafka_broker, collecting, topic, 30)
    first.close()
    remake(kafka_broker, name)
    send(kafka_broker, name, range(31, 71))
    collecting(name).until_stored(*range(1, 71))
    assert gaps(engine) == []


def test_a_topic_may_be_made_anew_under_a_running_collector(
    kafka_broker: Broker, collecting: Callable[..., Collecting], topic: Topic, engine: ClickHouse
) -> None:
    """K2: the collector notices, and loses nothing of either."""
    name, running = begun(kafka_broker, collecting, topic, 30)
    remake(kafka_broker, name)
    send(kafka_broker, name, range(31, 51))
    running.until_stored(*range(1, 51))
    assert gaps(engine) == []


def test_a_restored_store_gets_what_it_lost(
    kafka_broker: Broker, collecting: Callable[..., Collecting], topic: Topic, engine: ClickHouse
) -> None:
    """K2: a store of an hour ago lacks what was committed since; the log still has it."""
    name, first = begun(kafka_broker, collecting, topic, 30)
    ends = engine.ask(f"SELECT max(end_offset) FROM {engine.database}.ledger")
    send(kafka_broker, name, range(31, 61))
    first.until_stored(*range(1, 61))
    first.close()
    forget_since(engine, int(ends[0][0]))
    assert stored(engine) == list(range(1, 31))
    collecting(name).until_stored(*range(1, 61))
    assert gaps(engine) == []


def forget_since(store: ClickHouse, offset: int) -> None:
    """What a backup taken at `offset` would hold."""
    since = store.ask(f"SELECT min(arrived) FROM {store.database}.ledger WHERE start_offset >= {offset}")[0][0]
    for table in ("spans", "ledger"):
        store.define(
            f"ALTER TABLE {store.database}.{table} DELETE WHERE arrived >= {since} SETTINGS mutations_sync = 1"
        )


def test_what_the_log_dropped_before_it_was_read_is_a_gap(
    kafka_broker: Broker, collecting: Callable[..., Collecting], topic: Topic, engine: ClickHouse
) -> None:
    """K2: retention that overtakes a collector that is away leaves an exact gap in the ledger."""
    name, first = begun(kafka_broker, collecting, topic, 10)
    first.close()
    send(kafka_broker, name, range(11, 51))
    trim(kafka_broker, name, 30)
    collecting(name).until_stored(*range(1, 11), *range(31, 51))
    assert gaps(engine) == [(10, 30, "expired")]


def test_what_the_log_drops_under_a_running_collector_is_a_gap(
    kafka_broker: Broker, collecting: Callable[..., Collecting], topic: Topic, engine: ClickHouse
) -> None:
    """K2: the client steps over it without a word; the ledger does not."""
    name, running = begun(kafka_broker, collecting, topic, 10)
    running.stop_reading()
    send(kafka_broker, name, range(11, 51))
    trim(kafka_broker, name, 30)
    running.go_on_reading()
    running.until_stored(*range(1, 11), *range(31, 51))
    assert gaps(engine) == [(10, 30, "expired")]


def test_a_position_that_was_moved_forward_by_hand_is_a_gap(
    kafka_broker: Broker, collecting: Callable[..., Collecting], topic: Topic, engine: ClickHouse
) -> None:
    """K2: who skips messages on purpose is obeyed, and it is written down."""
    name, first = begun(kafka_broker, collecting, topic, 10)
    first.close()
    send(kafka_broker, name, range(11, 21))
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker.address)
    admin.alter_group_offsets(name, {TopicPartition(name, 0): OffsetAndMetadata(15, "", -1)})
    admin.close()
    collecting(name).until_stored(*range(1, 11), *range(16, 21))
    assert gaps(engine) == [(10, 15, "skipped")]
