"""Record batches on a real broker: every codec, and every kind of batch that cannot be read, between good ones."""

import struct
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, Final

import lz4.frame
import pytest
import snappy
import zstandard
from kafka import KafkaProducer

from hopline_collector.handover.consumer import HandOver, HandOverSettings
from hopline_collector.handover.ledger import flaws
from hopline_collector.sources.inflate import InflateError, inflate
from hopline_collector.sources.kafka_log import KafkaSettings, KafkaSource
from hopline_collector.store.memory import MemoryWriter
from hopline_deploy.broker import Broker, missing_reason
from support.kafka import create_topic
from support.need import require
from support.ports import lasting_ports
from support.segments import ATTRIBUTES_AT, COUNT_AT, RECORDS_AT, Change, change_batch
from support.waiting import wait_until
from support.wire_rows import NOW, wire_message, wire_row

CODECS: Final = ("gzip", "snappy", "lz4", "zstd")
BOMB: Final = "bomb"


def flip(batch: bytearray) -> None:
    batch[-3] ^= 0xFF


def overwrite(batch: bytearray) -> None:
    batch[RECORDS_AT:] = b"\x07" * (len(batch) - RECORDS_AT)


def claim_more(batch: bytearray) -> None:
    struct.pack_into(">i", batch, COUNT_AT, 99)


def as_codec(number: int) -> Change:
    def change(batch: bytearray) -> None:
        struct.pack_into(">h", batch, ATTRIBUTES_AT, number)

    return change


BROKEN: Final[dict[str, tuple[Change, bool, str]]] = {
    "a wrong check sum": (flip, False, "check sum"),
    "records without structure": (overwrite, True, ""),
    "a wrong count": (claim_more, True, ""),
    "an unknown codec": (as_codec(6), True, "codec 6"),
    **{f"not {name} at all": (as_codec(number), True, name) for number, name in enumerate(CODECS, 1)},
}
"""Kind -> what is done to the batch, whether its check sum is right, and a word of the reason."""


def topic_of(kind: str) -> str:
    return kind.replace(" ", "-")


def producer_of(broker: Broker, codec: str | None = None) -> Any:
    return KafkaProducer(
        bootstrap_servers=broker.address,
        acks="all",
        api_version=(4, 3),
        compression_type=codec,
        max_request_size=200_000_000,
    )


def body(number: int) -> bytes:
    return wire_message(wire_row(number))


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker with a topic per codec and per kind of broken batch: three batches each, the broken one second."""
    require("Kafka broker", missing_reason())
    broker = Broker(tmp_path_factory.mktemp("batches"), lasting_ports(2))
    broker.start()
    try:
        for kind in (*BROKEN, *CODECS, BOMB):
            create_topic(broker, topic_of(kind), 1)
            send(broker, kind)
        broker.stop()
        for kind, (change, right_sum, _) in BROKEN.items():
            change_batch(broker.directory, topic_of(kind), 1, change, right_sum=right_sum)
        broker.start()
        yield broker
    finally:
        broker.stop()


def send(broker: Broker, kind: str) -> None:
    with closing(producer_of(broker, kind if kind in CODECS else None)) as producer:
        for number in (1, 2, 3):
            if kind == BOMB and number == 2:
                with closing(producer_of(broker, "gzip")) as other:
                    other.send(BOMB, value=bytes(80_000_000), partition=0).get(timeout=60)
                continue
            producer.send(topic_of(kind), value=body(number), partition=0).get(timeout=60)


def read(broker: Broker, kind: str, ids: list[int]) -> MemoryWriter:
    """Hand the topic over until these rows are stored, for a minute at most."""
    settings = KafkaSettings((broker.address,), group=kind, topics={topic_of(kind): "native"}, session_seconds=30.0)
    writer = MemoryWriter()
    with closing(KafkaSource(settings)) as source:
        line = HandOver(source, writer, HandOverSettings(block_seconds=0.2), clock=lambda: NOW)

        def stored() -> bool:
            line.step(0.1)
            return sorted(row["id"] for row in writer.rows) == ids and max(e.end for e in writer.ledger) == 3

        wait_until(stored, interval=0.0, what=f"the rows beside {kind}")
    assert list(flaws((e.start, e.end) for e in writer.ledger)) == []
    return writer


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_is_read(logs: Broker, codec: str) -> None:
    """C4, K3: senders choose the codec, and the extra brings all of them."""
    assert read(logs, codec, [1, 2, 3]).dead == []


@pytest.mark.parametrize("kind", BROKEN)
def test_a_batch_that_cannot_be_read_is_a_dead_letter(logs: Broker, kind: str) -> None:
    """K3: its neighbours are stored; it is set aside with its offsets, its bytes and the reason."""
    (letter,) = read(logs, kind, [1, 3]).dead
    assert (letter.offset, letter.index, letter.format, letter.reason) == (1, -1, "batch", "unreadable_batch")
    assert letter.detail.startswith("offsets 1 to 1, ")
    assert BROKEN[kind][2] in letter.detail
    assert letter.raw


def test_a_batch_that_inflates_without_end_is_a_dead_letter(logs: Broker) -> None:
    """K3, K4: 80 KB that hold 80 MB are not opened any further than the bound."""
    (letter,) = read(logs, BOMB, [1, 3]).dead
    assert "inflate to more than" in letter.detail
    assert len(letter.raw) < 1_000_000


def test_what_a_transaction_took_back_is_not_stored(kafka_broker: Broker, topic: Callable[..., str]) -> None:
    """K3: aborted records are left out, and a marker as the last record is no reason to wait."""
    name = topic(1)
    producer = KafkaProducer(
        bootstrap_servers=kafka_broker.address, api_version=(4, 3), transactional_id=f"{name}-{time.time_ns()}"
    )
    producer.init_transactions()
    for number, commit in ((1, True), (2, False), (3, True)):
        producer.begin_transaction()
        producer.send(name, value=body(number), partition=0).get(timeout=60)
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    producer.close()
    writer = MemoryWriter()
    settings = KafkaSettings((kafka_broker.address,), group=name, topics={name: "native"}, session_seconds=30.0)
    with closing(KafkaSource(settings)) as source:
        line = HandOver(source, writer, HandOverSettings(block_seconds=0.2), clock=lambda: NOW)

        def caught_up() -> bool:
            line.step(0.1)
            line.look_at_ends()
            lanes = list(line.lanes.values())
            return bool(lanes) and len(writer.rows) == 2 and line.behind(lanes[0]) == 0

        wait_until(caught_up, interval=0.0, what="nothing to be behind")
        assert source.ends() == {lane.key: 6 for lane in line.lanes.values()}
    assert sorted(row["id"] for row in writer.rows) == [1, 3]
    assert writer.dead == []


def xerial(data: bytes) -> bytes:
    block = snappy.compress(data)
    return b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1) + struct.pack(">i", len(block)) + block


PACKERS: Final[dict[int, Callable[[bytes], bytes]]] = {
    1: lambda data: zlib.compress(data, wbits=31),
    2: xerial,
    3: lz4.frame.compress,
    4: zstandard.compress,
}


@pytest.mark.parametrize("codec", PACKERS)
def test_inflating_ends_at_the_bound(codec: int) -> None:
    """K4: exactly the bound is had, a byte more is refused, and so is what ends too early."""
    packed = PACKERS[codec](bytes(100_000))
    assert inflate(codec, packed, 100_000) == bytes(100_000)
    with pytest.raises(InflateError):
        inflate(codec, packed, 99_999)
    with pytest.raises(InflateError):
        inflate(codec, packed[: len(packed) // 2], 100_000)


def test_snappy_comes_without_a_frame_too() -> None:
    """C4: senders in other languages send one block."""
    assert inflate(2, snappy.compress(b"spans"), 10) == b"spans"
    with pytest.raises(InflateError):
        inflate(2, snappy.compress(bytes(11)), 10)
