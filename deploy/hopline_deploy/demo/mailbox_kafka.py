"""Kafka as the shop's queue, through kafka-python and its hook."""

import asyncio
import json
import logging

from kafka import KafkaConsumer, KafkaProducer

from hopline_deploy.demo.mailbox import Handler

log = logging.getLogger(__name__)

SEND_SECONDS = 10.0


class KafkaMailbox:
    """A producer and consumers on one cluster."""

    def __init__(self, servers: str) -> None:
        self._servers = servers.split(",")
        self._producer: KafkaProducer | None = None

    async def send(self, topic: str, body: dict[str, str]) -> None:
        """See `Mailbox.send`."""
        await asyncio.to_thread(self._send, topic, json.dumps(body).encode())

    async def receive(self, topic: str, *, group: str, handle: Handler) -> None:
        """See `Mailbox.receive`."""
        await asyncio.to_thread(self._receive, topic, group, handle)

    def _send(self, topic: str, value: bytes) -> None:
        if self._producer is None:
            self._producer = KafkaProducer(bootstrap_servers=self._servers)
        self._producer.send(topic, value).get(timeout=SEND_SECONDS)

    def _receive(self, topic: str, group: str, handle: Handler) -> None:
        consumer = KafkaConsumer(
            topic, bootstrap_servers=self._servers, group_id=f"shop-{group}", auto_offset_reset="earliest"
        )
        for record in consumer:
            try:
                # Runs in a copy of this thread's context, so the work hangs below the consumer's row.
                asyncio.run(_handle(handle, record.value))
            except Exception as error:
                log.warning("a message of %s failed: %s", topic, error)


async def _handle(handle: Handler, value: bytes) -> None:
    await handle(json.loads(value))
