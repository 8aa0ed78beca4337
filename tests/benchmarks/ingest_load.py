"""A steady load into Kafka, cheap to make: ``python ingest_load.py ADDRESS SPANS_PER_SECOND SECONDS``.

A hundred messages are made beforehand; each sending gives their traces new ids and the present time. Prints
the number of spans sent. Late slices are sent at once, so the rate holds on average.
"""

import os
import random
import sys
import time
from typing import Any

import msgspec
from ingest_messages import PARTITIONS, PER_MESSAGE, PER_TRACE, TOPIC, message
from kafka import KafkaProducer

PREPARED = 100
SLICE_S = 0.02


def prepared() -> list[list[Any]]:
    """Messages as objects, to be changed in place."""
    source = random.Random(2)
    return [msgspec.msgpack.decode(message(source, number, 0)) for number in range(PREPARED)]


def refresh(found: list[Any], now_us: int) -> bytes:
    """The message with traces that never were, each ending about now."""
    stamp = (now_us // 1_000_000).to_bytes(4, "big")
    rows = found[2]
    for first in range(0, len(rows), PER_TRACE):
        trace = stamp + os.urandom(12)
        for place, row in enumerate(rows[first : first + PER_TRACE]):
            row[0], row[6] = trace, now_us - row[7] - (PER_TRACE - place) * 900
    return msgspec.msgpack.encode(found)


def main(address: str, rate: float, seconds: float) -> None:
    producer = KafkaProducer(
        bootstrap_servers=address, acks="all", linger_ms=50, batch_size=262_144, compression_type="lz4"
    )
    waiting = prepared()
    began, number = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        while number * PER_MESSAGE < rate * passed:
            body = refresh(waiting[number % PREPARED], time.time_ns() // 1000)
            producer.send(TOPIC, value=body, partition=number % PARTITIONS)
            number += 1
        time.sleep(SLICE_S)
    producer.flush()
    producer.close()
    print(number * PER_MESSAGE, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
