"""kafka-python's records: one processing each, and what fails it."""

from types import SimpleNamespace

import pytest
from kafka import KafkaConsumer

import hopline


@pytest.fixture
def consumer(monkeypatch, install):
    """A consumer whose network is not wanted here: each poll gives two records."""
    records = [SimpleNamespace(topic="orders", headers=[], partition=0, offset=n, value=b"%d" % n) for n in (1, 2)]
    monkeypatch.setattr(KafkaConsumer, "poll", lambda *_, **__: {"orders": records})
    monkeypatch.setattr(KafkaConsumer, "close", lambda *_, **__: None)
    install("kafka_python")
    consumer = KafkaConsumer.__new__(KafkaConsumer)
    consumer._closed = True
    return consumer


def test_a_batch_iterated_twice_is_processed_once(recorder, consumer):
    """I4: looking through a batch again makes no second rows: it was processed in the first loop."""
    batch = consumer.poll()["orders"]
    for _record in batch:
        with hopline.span("handle"):
            pass
    assert [record.offset for record in batch] == [1, 2]
    assert max(record.offset for record in batch) == 2
    rows = [row.attrs["messaging.kafka.offset"] for row in recorder.spans if row.kind == "consumer"]
    assert rows == ["1", "2"]


def test_a_handler_that_raises_fails_its_message(recorder, consumer):
    """I4: an exception that leaves the loop, closing the consumer on its way, is the row's of the record it was at."""

    def consume():
        records = iter(consumer.poll()["orders"])
        try:
            next(records)
            raise ZeroDivisionError
        finally:
            consumer.close()

    with pytest.raises(ZeroDivisionError):
        consume()
    row = recorder.one(kind="consumer")
    assert (row.error, row.error_type) == (True, "ZeroDivisionError")
