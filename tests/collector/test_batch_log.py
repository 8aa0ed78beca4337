"""Batch ids where posts go to Kafka: known to all collectors, and after a restart."""

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from hopline_collector.door.batch_log import BatchesUnknownError, BatchLog
from hopline_collector.door.intake import IntakeAwayError, KafkaIntake
from hopline_collector.sources.journal import BATCH_SECONDS, Batch
from hopline_collector.sources.kafka_log import KafkaSettings, KafkaSource
from hopline_collector.sources.source import Arrived
from hopline_deploy.broker import Broker
from support import wait_until
from support.wire_rows import wire_message, wire_row

Topic = Callable[..., str]
NOW = int(time.time())
ENTRIES = [("native", wire_message(wire_row(1)))]


@pytest.fixture
def collectors(kafka_broker: Broker, topic: Topic) -> Iterator[Callable[[], KafkaIntake]]:
    """Each call starts the intake of one more collector on the same topics."""
    made: list[KafkaIntake] = []
    name, batches, servers = topic(1), f"batches-{os.getpid()}-{time.monotonic_ns()}", (kafka_broker.address,)

    def start() -> KafkaIntake:
        made.append(KafkaIntake(servers, {name: "native"}, {}, BatchLog(servers, {}, batches)))
        made[-1].topic = name  # type: ignore[attr-defined]
        return made[-1]

    yield start
    for intake in made:
        intake.close()


def answer(intake: KafkaIntake, batch_id: str, now: int = NOW) -> bytes | None:
    """The answer to an id, once the topic was read."""
    found: list[bytes | None] = []

    def known() -> bool:
        try:
            found.append(intake.answer_of(batch_id, now))
        except IntakeAwayError:
            return False
        return True

    wait_until(known, what="the ids to be read")
    return found[0]


def test_what_one_collector_answered_all_know_and_after_a_restart(collectors: Callable[[], KafkaIntake]) -> None:
    """C4: the same id within an hour is answered without storing again, wherever it is posted."""
    first, second = collectors(), collectors()
    assert answer(first, "b-1") is None
    assert answer(second, "b-1") is None
    first.accept(ENTRIES, Batch("b-1", b"stored", NOW))
    assert first.answer_of("b-1", NOW) == b"stored"
    wait_until(lambda: second.answer_of("b-1", NOW) == b"stored", what="the other collector to know")
    first.close()
    restarted = collectors()
    assert answer(restarted, "b-1", NOW + 60) == b"stored"
    assert answer(restarted, "b-1", NOW + BATCH_SECONDS) is None
    assert answer(restarted, "b-2") is None


def test_rows_are_durable_before_the_id_is(
    kafka_broker: Broker, collectors: Callable[[], KafkaIntake], monkeypatch: pytest.MonkeyPatch
) -> None:
    """C4: a death between the two may store a batch twice, never lose it; an id that cannot be told harms no post."""
    intake = collectors()
    sent: list[str] = []
    real = KafkaIntake._send

    def send(self: KafkaIntake, messages: list[tuple[str, bytes]]) -> None:
        sent.extend(topic for topic, _ in messages)
        if messages[0][0] != intake.topic:  # type: ignore[attr-defined]
            raise IntakeAwayError("gone")
        real(self, messages)

    monkeypatch.setattr(KafkaIntake, "_send", send)
    intake.accept(ENTRIES, Batch("b-1", b"stored", NOW))
    assert len(sent) == 2
    assert answer(intake, "b-1") == b"stored"
    name = intake.topic  # type: ignore[attr-defined]
    source = KafkaSource(KafkaSettings((kafka_broker.address,), f"g-{name}", {name: "native"}))
    arrived: list[Arrived] = []

    def came() -> bool:
        arrived.extend(event for event in source.poll(0.1) if isinstance(event, Arrived))
        return bool(arrived)

    wait_until(came, interval=0.0)
    source.close()


def test_a_copy_that_comes_meanwhile_is_asked_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """C4: two posts of one batch at the same moment are stored once."""
    intake = KafkaIntake(("127.0.0.1:1",), {"t": "native"}, {})
    begun, go_on, sent = threading.Event(), threading.Event(), []

    def send(_intake: KafkaIntake, messages: list[tuple[str, bytes]]) -> None:
        sent.extend(messages)
        begun.set()
        go_on.wait(60)

    monkeypatch.setattr(KafkaIntake, "_send", send)
    posting = threading.Thread(target=intake.accept, args=(ENTRIES, Batch("b-1", b"", NOW)))
    posting.start()
    assert begun.wait(60)
    with pytest.raises(IntakeAwayError, match="at this moment"):
        intake.accept(ENTRIES, Batch("b-1", b"", NOW))
    go_on.set()
    posting.join(60)
    assert [topic for topic, _ in sent] == ["t", "hopline.batches"]


def test_nobody_guesses_while_the_ids_were_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """C4: with the broker away a repetition is asked to come again, not stored as if it were new."""

    def no_broker(_: BatchLog) -> None:
        raise OSError("no broker")

    monkeypatch.setattr(BatchLog, "_read_on", no_broker)
    monkeypatch.setattr("hopline_collector.door.batch_log._WAIT_SECONDS", 0.05)
    batches = BatchLog(("127.0.0.1:1",), {})
    with pytest.raises(BatchesUnknownError):
        batches.answer_of("b-1", NOW)
    intake = KafkaIntake(("127.0.0.1:1",), {"t": "native"}, {}, batches)
    with pytest.raises(IntakeAwayError):
        intake.answer_of("b-1", NOW)
    intake.close()
