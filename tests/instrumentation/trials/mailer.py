"""Who reads the FastAPI shop's orders from Kafka, and writes that a mail went out."""

import asyncio
import os

import asyncpg
from aiokafka import AIOKafkaConsumer

POSTGRES = f"postgresql://postgres@127.0.0.1:{os.environ['POSTGRES_PORT']}/postgres"


async def main() -> None:
    connection = await asyncpg.connect(POSTGRES)
    await connection.execute("CREATE TABLE IF NOT EXISTS mails (number int)")
    topic, where = os.environ["TOPIC"], os.environ["KAFKA"]
    async with AIOKafkaConsumer(topic, bootstrap_servers=where, auto_offset_reset="earliest") as orders:
        print("reads", flush=True)  # noqa: T201 - told to whoever started it
        async for message in orders:
            await connection.execute("INSERT INTO mails VALUES ($1)", int(message.value))


asyncio.run(main())
