"""Where posts go when there is a broker: the topic of their format, in messages that it takes."""

import json
from typing import Any

import pytest

from hopline_collector.door.intake import MESSAGE_BYTES, IntakeAwayError, IntakeTooLargeError, KafkaIntake
from hopline_collector.formats import native
from support.wire_rows import wire_message, wire_row

TOPICS = {"hopline.spans": "native", "zipkin": "zipkin"}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes]]:
    """What would be produced: (topic, message)."""
    found: list[tuple[str, bytes]] = []

    def send(_intake: KafkaIntake, messages: list[tuple[str, bytes]]) -> None:
        found.extend(messages)

    monkeypatch.setattr(KafkaIntake, "_send", send)
    return found


def test_entries_go_to_the_topic_of_their_format(sent: Any) -> None:
    """C4: our rows and what was refused of another tracer's have topics of their own."""
    KafkaIntake(("h:1",), TOPICS, {}).accept([("native", b"a"), ("zipkin", b"b")], None)
    assert sent == [("hopline.spans", b"a"), ("zipkin", b"b")]


def test_a_large_body_of_another_tracer_is_cut_into_our_messages(sent: Any) -> None:
    """S3: pieces are wire messages, so they go where those are read."""
    span = {"traceId": "1", "id": "1", "timestamp": 5, "tags": {"a": "x" * 1_000}}
    body = json.dumps([{**span, "id": f"{number:x}"} for number in range(1, 1_001)]).encode()
    assert len(body) > MESSAGE_BYTES
    KafkaIntake(("h:1",), TOPICS, {}).accept([("zipkin", body)], None)
    assert {topic for topic, _ in sent} == {"hopline.spans"}
    batches = [batch for _, message in sent for batch in native.decode(message).batches]
    assert sum(len(batch.rows) for batch in batches) == 1_000
    assert all(batch.foreign for batch in batches)


def test_a_format_without_topic_never_fails_a_post(sent: Any) -> None:
    """C4: what the sender was told to be refused need not be kept; rows must be."""
    KafkaIntake(("h:1",), TOPICS, {}).accept([("native", wire_message(wire_row())), ("otlp", b"x")], None)
    assert len(sent) == 1
    with pytest.raises(IntakeAwayError):
        KafkaIntake(("h:1",), {"zipkin": "zipkin"}, {}).accept([("native", b"a")], None)


def test_refused_rows_of_a_large_body_go_along(sent: Any) -> None:
    """K4, C3: what was refused becomes a dead letter, however large the body around it is."""
    good = [wire_row(number, attrs={"url": "x" * 5_000}) for number in range(1, 301)]
    bad = wire_row(400, start_us="soon")
    body = wire_message(*good, bad)
    assert len(body) > MESSAGE_BYTES
    KafkaIntake(("h:1",), TOPICS, {}).accept([("native", body)], None)
    decoded = [native.decode(message) for _, message in sent]
    assert sum(len(batch.rows) for one in decoded for batch in one.batches) == 300
    assert [refused.index for one in decoded for refused in one.refused] == [0]


def test_a_row_that_no_broker_takes_is_refused_for_good(sent: Any) -> None:
    """K4: 503 would have the sender try for ever, and the broker's refusal would close the producer of all posts."""
    row = wire_row(1, attrs={f"a{number}": "x" * 100_000 for number in range(12)})
    with pytest.raises(IntakeTooLargeError, match="at most 900000"):
        KafkaIntake(("h:1",), TOPICS, {}).accept([("native", wire_message(row))], None)
    assert sent == []
