import pytest

import hopline
from hopline import hooks
from support import wait_until


@pytest.fixture(autouse=True)
def hooked():
    hooks.install("kafka_python")
    yield
    hooks.uninstall("kafka_python")


@pytest.fixture
def consumer(kafka_broker, topic):
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(
        topic(partitions=1),
        bootstrap_servers=kafka_broker.address,
        auto_offset_reset="earliest",
        consumer_timeout_ms=60_000,
    )
    yield consumer
    consumer.close()


def send(kafka_broker, name: str, *values: bytes) -> None:
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=kafka_broker.address)
    for value in values:
        producer.send(name, value).get(timeout=60)
    producer.close()


def test_poll_nests_processing_under_each_record(recorder, kafka_broker, consumer):
    """I4: poll(): producer and consumer row of one message share the path; processing nests under the consumer row."""
    (name,) = consumer.subscription()
    with hopline.span("order"):
        hopline.set_uid("u1")
        send(kafka_broker, name, b"1", b"2")
    processed = []

    def poll_once() -> bool:
        for records in consumer.poll(timeout_ms=500).values():
            for record in records:
                with hopline.span(f"handle {record.value.decode()}"):
                    processed.append(record.value)
        return len(processed) == 2

    wait_until(poll_once)
    assert hopline.current_span().id == ""
    producers = [row for row in recorder.spans if row.kind == "producer"]
    consumers = [row for row in recorder.spans if row.kind == "consumer"]
    assert [row.span_id for row in producers] == [row.span_id for row in consumers] == ["0.1", "0.2"]
    assert [row.parent_id for row in consumers] == [row.id for row in producers]
    assert {(row.peer, row.peer_kind, row.uid) for row in producers + consumers} == {(name, "mq", "u1")}
    assert {row.caller_name for row in consumers} == {"order"}
    assert recorder.one(name="handle 2").span_id == "0.2.1"


def test_iteration_nests_processing_under_each_record(recorder, kafka_broker, consumer):
    """I4: iteration: the consumer row lasts until the next record is asked for, or the loop is left."""
    (name,) = consumer.subscription()
    with hopline.span("order"):
        send(kafka_broker, name, b"1", b"2")
    for record in consumer:
        with hopline.span(f"handle {record.value.decode()}"):
            pass
        if record.value == b"2":
            break
    assert recorder.one(name="handle 1").span_id == "0.1.1"
    assert recorder.one(name="handle 2").span_id == "0.2.1"


def test_messages_without_a_trace_begin_one(recorder, kafka_broker, consumer):
    """I4: a message without headers begins a trace at the consumer row."""
    (name,) = consumer.subscription()
    hooks.uninstall("kafka_python")
    send(kafka_broker, name, b"1")
    hooks.install("kafka_python")
    next(iter(consumer))
    assert hopline.current_span().id != ""
    consumer.close()
    assert recorder.one(kind="consumer").span_id == "0"
    assert hopline.current_span().id == ""
