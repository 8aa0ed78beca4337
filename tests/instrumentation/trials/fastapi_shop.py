"""A shop with FastAPI, asyncpg and aiokafka as its makers would write it: nothing here knows of tracing."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, Request

POSTGRES = f"postgresql://postgres@127.0.0.1:{os.environ['POSTGRES_PORT']}/postgres"
KAFKA = os.environ["KAFKA"]
TOPIC = os.environ["TOPIC"]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(POSTGRES, min_size=1) as pool, AIOKafkaProducer(bootstrap_servers=KAFKA) as producer:
        await pool.execute("CREATE TABLE IF NOT EXISTS orders (id serial, item text)")
        app.state.pool, app.state.producer = pool, producer
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/orders/{item}")
async def order(item: str, request: Request) -> dict[str, int]:
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        number = await connection.fetchval("INSERT INTO orders (item) VALUES ($1) RETURNING id", item)
    await request.app.state.producer.send_and_wait(TOPIC, str(number).encode())
    return {"order": number}
