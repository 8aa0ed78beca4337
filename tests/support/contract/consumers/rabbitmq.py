"""aio-pika with a real RabbitMQ: by callback and by iterator."""

import asyncio
import contextlib
import functools
import logging
import os
from collections.abc import Callable
from typing import Any

import aio_pika

from support.contract.consumer import Boom, Exchange, Subject

Env = Callable[[str], Any]
Handle = Callable[[], Any]


def publishing(url: str, queue: str) -> Callable[[], None]:
    def send() -> None:
        async def main() -> None:
            async with await aio_pika.connect(url) as connection:
                channel = await connection.channel()
                await channel.declare_queue(queue)
                await channel.default_exchange.publish(aio_pika.Message(b"1", headers={"own": "1"}), queue)

        asyncio.run(main())

    return send


def by_iterator(env: Env, connect: Any = aio_pika.connect) -> Exchange:
    url, queue = f"amqp://guest:guest@127.0.0.1:{env('rabbitmq_port')}/", f"{connect.__name__}-{os.getpid()}"

    def process(handle: Handle) -> None:
        async def main() -> None:
            async with await connect(url) as connection:
                channel = await connection.channel()
                await channel.set_qos(prefetch_count=1)
                async with (await channel.declare_queue(queue)).iterator(timeout=60) as messages:
                    async for message in messages:
                        async with message.process():
                            assert message.headers["own"] == "1"
                            handle()
                        break

        with contextlib.suppress(Boom):
            asyncio.run(main())

    return Exchange(publishing(url, queue), process, queue)


def by_callback(env: Env) -> Exchange:
    url, queue = f"amqp://guest:guest@127.0.0.1:{env('rabbitmq_port')}/", f"callback-{os.getpid()}"

    def process(handle: Handle) -> None:
        async def main() -> None:
            handled = asyncio.get_running_loop().create_future()

            taken = []

            async def on_message(message: aio_pika.abc.AbstractIncomingMessage) -> None:
                if taken:
                    return  # one at a time: without an answer the broker keeps it for the next
                taken.append(message)
                try:
                    async with message.process():
                        handle()
                finally:
                    asyncio.get_running_loop().call_soon(handled.set_result, None)

            async with await aio_pika.connect(url) as connection:
                channel = await connection.channel()
                await channel.set_qos(prefetch_count=1)
                tag = await (named := await channel.declare_queue(queue)).consume(on_message)
                await asyncio.wait_for(handled, 60)
                await named.cancel(tag)

        for name in ("asyncio", "aio_pika.queue"):  # to whom aio-pika tells what a callback raised
            logging.getLogger(name).disabled = True
        try:
            asyncio.run(main())
        finally:
            for name in ("asyncio", "aio_pika.queue"):
                logging.getLogger(name).disabled = False

    return Exchange(publishing(url, queue), process, queue)


SUBJECTS = [
    Subject("aio-pika (iterator)", ("aio_pika",), by_iterator),
    Subject(
        "aio-pika (robust iterator)", ("aio_pika",), functools.partial(by_iterator, connect=aio_pika.connect_robust)
    ),
    Subject("aio-pika (callback)", ("aio_pika",), by_callback),
]
