"""Job queues: RQ, dramatiq and arq over a real redis, their workers in this process."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import arq
import dramatiq
import redis
import rq
from dramatiq.brokers.redis import RedisBroker

from support.contract.consumer import Exchange, Subject

Env = Callable[[str], Any]

_handlers: list[Callable[[], Any]] = []


def handle_now() -> None:
    """The job: what the contract wants to be done."""
    _handlers[-1]()


@contextlib.contextmanager
def _handling(handle: Callable[[], Any], logger: str) -> Iterator[None]:
    """A worker writes what a job raised into its log, which is not wanted here."""
    logging.getLogger(logger).disabled = True
    _handlers.append(handle)
    try:
        yield
    finally:
        _handlers.pop()
        logging.getLogger(logger).disabled = False


def by_rq(env: Env) -> Exchange:
    client = redis.Redis(port=env("redis_port"))
    queue = rq.Queue("contract", connection=client)

    def process(handle: Callable[[], Any]) -> None:
        with _handling(handle, "rq.worker"):
            worker = rq.SimpleWorker([queue], connection=client)
            worker.log.disabled = True
            worker.work(burst=True, max_jobs=1, logging_level="CRITICAL")

    return Exchange(lambda: queue.enqueue(handle_now), process, "contract", client.close)


def by_dramatiq(env: Env) -> Exchange:
    def actor() -> dramatiq.Actor[..., Any]:
        broker = RedisBroker(port=port, middleware=[])
        return dramatiq.actor(handle_now, actor_name="handle_now", broker=broker, queue_name="actors")

    def process(handle: Callable[[], Any]) -> None:
        done = threading.Event()

        def handle_and_tell() -> None:
            for thread in worker.workers:  # no second message, however long it takes until the worker is stopped
                thread.stop()
            try:
                handle()
            finally:
                done.set()

        with _handling(handle_and_tell, "dramatiq.worker.WorkerThread"):
            worker = dramatiq.Worker(actor().broker, worker_threads=1, worker_timeout=50)
            worker.queue_prefetch = 1  # of two that were fetched at once, the second would be lost where it is stopped
            worker.start()
            try:
                assert done.wait(60), "no message came"
            finally:
                worker.stop()
                worker.broker.close()

    port = env("redis_port")
    sender = actor()
    return Exchange(sender.send, process, "actors", sender.broker.close)


def by_arq(env: Env) -> Exchange:
    def pool() -> arq.ArqRedis:
        return arq.ArqRedis(port=port, default_queue_name="jobs")

    async def run(_context: Any) -> None:
        handle_now()

    async def send() -> None:
        async with pool() as client:
            assert await client.enqueue_job("run") is not None

    async def work() -> None:
        async with pool() as client:
            functions = [arq.func(run, name="run")]
            own = {"queue_name": None, "redis_pool": client, "handle_signals": False}
            worker = arq.Worker(functions, burst=True, max_burst_jobs=1, **own)
            await worker.async_run()

    def process(handle: Callable[[], Any]) -> None:
        with _handling(handle, "arq.worker"):
            asyncio.run(work())

    port = env("redis_port")
    return Exchange(lambda: asyncio.run(send()), process, "jobs")


SUBJECTS = [
    Subject("rq", ("rq",), by_rq),
    Subject("dramatiq", ("dramatiq",), by_dramatiq),
    Subject("arq", ("arq",), by_arq),
]
