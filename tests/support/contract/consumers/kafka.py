"""kafka-python, aiokafka and confluent-kafka with a real broker; consumers read on from a place of their own."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import aiokafka
import confluent_kafka
import kafka

from support.contract.consumer import Boom, Exchange, Subject

Env = Callable[[str], Any]


def by_kafka_python(env: Env) -> Exchange:
    where, topic = env("kafka_broker").address, env("topic")(partitions=1)
    producer = kafka.KafkaProducer(bootstrap_servers=where)
    place = kafka.TopicPartition(topic, 0)
    read = []

    def process(handle: Callable[[], Any]) -> None:
        consumer = kafka.KafkaConsumer(bootstrap_servers=where, consumer_timeout_ms=60_000, group_id=None)
        with contextlib.suppress(Boom):
            try:
                consumer.assign([place])
                consumer.seek(place, len(read))
                for record in consumer:
                    read.append(record.offset)
                    handle()
                    break
            finally:
                consumer.close()

    return Exchange(lambda: producer.send(topic, b"1").get(60), process, topic, producer.close)


def by_aiokafka(env: Env) -> Exchange:
    where, topic = env("kafka_broker").address, env("topic")(partitions=1)
    place = aiokafka.TopicPartition(topic, 0)
    read = []

    def send() -> None:
        async def main() -> None:
            async with aiokafka.AIOKafkaProducer(bootstrap_servers=where) as producer:
                await producer.send_and_wait(topic, b"1", headers=[("own", b"1")])

        asyncio.run(main())

    def process(handle: Callable[[], Any]) -> None:
        async def main() -> None:
            consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=where)
            await consumer.start()
            try:
                consumer.assign([place])
                consumer.seek(place, len(read))
                async for record in consumer:
                    assert dict(record.headers)["own"] == b"1"
                    read.append(record.offset)
                    handle()
                    break
            finally:
                await consumer.stop()

        with contextlib.suppress(Boom):
            asyncio.run(main())

    return Exchange(send, process, topic)


def by_confluent(env: Env) -> Exchange:
    where, topic = env("kafka_broker").address, env("topic")(partitions=1)
    producer = confluent_kafka.Producer({"bootstrap.servers": where})
    read, delivered = [], []

    def send() -> None:
        producer.produce(topic, b"1", headers={"own": b"1"}, on_delivery=lambda *one: delivered.append(one))
        assert producer.flush(60) == 0
        assert delivered.pop()[0] is None

    def process(handle: Callable[[], Any]) -> None:
        consumer = confluent_kafka.Consumer({"bootstrap.servers": where, "group.id": "own"})
        with contextlib.suppress(Boom):
            try:
                consumer.assign([confluent_kafka.TopicPartition(topic, 0, len(read))])
                message = consumer.poll(60)
                assert dict(message.headers())["own"] == b"1"
                read.append(message.offset())
                handle()
            finally:
                consumer.close()

    return Exchange(send, process, topic)


SUBJECTS = [
    Subject("kafka-python", ("kafka_python",), by_kafka_python),
    Subject("aiokafka", ("aiokafka",), by_aiokafka),
    Subject("confluent-kafka", ("confluent_kafka",), by_confluent),
]
