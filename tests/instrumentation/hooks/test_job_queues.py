"""Job queues and schedulers as they run: RQ's work horses, arq's tasks, APScheduler's threads, gevent's greenlets."""

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import arq
import gevent
import pytest
import redis
import rq
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler
from arq.cron import cron
from gevent.pool import Pool

import hopline
from hopline.testing import Recorder
from support.waiting import wait_until


@pytest.mark.usefixtures("patient_exit")
def test_a_work_horse_loses_no_row(children, collected, redis_port, tmp_path):
    """I4: RQ's own command, instrumented from outside: each run in a forked child is a row, with nobody flushing."""
    (tmp_path / "jobs.py").write_text(
        "import hopline\n\n"
        "def pay(number):\n"
        "    with hopline.span('charge'):\n"
        "        if number == 3:\n"
        "            raise ValueError('no money')\n"
    )
    code = (
        "import hopline, redis, rq\n"
        f"queue = rq.Queue('pay', connection=redis.Redis(port={redis_port}))\n"
        "with hopline.span('order'):\n"
        "    for number in range(4):\n"
        "        queue.enqueue('jobs.pay', number)\n"
    )
    run = ["-m", "hopline.launch", "--endpoint", collected.url, "--service"]
    env = {"PYTHONPATH": str(tmp_path)}
    assert children.python(*run, "shop", "--", sys.executable, "-c", code, env=env).wait(120) == 0
    command = [str(Path(sys.executable).with_name("rq")), "worker", "--burst", "pay"]
    url = f"redis://127.0.0.1:{redis_port}"
    assert children.python(*run, "payments", "--", *command, "--url", url, env=env, cwd=tmp_path).wait(120) == 0
    producers = collected.wait(4, kind="producer", service="shop")
    consumers = collected.wait(4, kind="consumer", service="payments")
    charges = collected.wait(4, name="charge")
    assert {row["id"] for row in producers} == {row["parent_id"] for row in consumers}
    assert {row["id"] for row in consumers} == {row["parent_id"] for row in charges}
    assert sorted(row.get("error_type") or "" for row in consumers) == ["", "", "", "ValueError"]
    assert {row["name"] for row in consumers} == {"process jobs.pay"}


def test_a_queue_that_is_away_fails_the_row(recorder, closed_port, install):
    """I4: a job that cannot be enqueued is a failed producer row."""
    install("rq")
    queue = rq.Queue("pay", connection=redis.Redis(port=closed_port))
    with hopline.span("order"), pytest.raises(redis.ConnectionError):
        queue.enqueue("jobs.pay", 1)
    row = recorder.one(kind="producer")
    assert (row.error, row.error_type) == (True, "ConnectionError")


def test_a_workers_own_calls_make_no_row(recorder, redis_port, install):
    """I4: what a worker asks redis between its jobs is no trace; after it, and in a job, calls are rows as ever."""
    install("redis", "rq")
    with redis.Redis(port=redis_port) as client:
        queue = rq.Queue("idle", connection=client)
        worker = rq.SimpleWorker([queue], connection=client)
        recorder.clear()
        worker.work(burst=True, logging_level="CRITICAL")
        assert recorder.spans == []
        client.get("anything")
        assert recorder.one(kind="client").name == "GET"


class TestArq:
    """I4: arq's jobs, with its own worker."""

    @pytest.fixture
    def work(self, redis_port, tmp_path, monkeypatch) -> Callable[..., None]:
        """``work(enqueue, *functions)`` awaits ``enqueue(pool)`` and lets a worker do what is there."""

        def work(enqueue: Callable[[arq.ArqRedis], Coroutine[Any, Any, Any]], *functions: Any, **settings: Any) -> None:
            async def main() -> None:
                own = {name: value for name, value in settings.items() if name.startswith("job_")}
                async with arq.ArqRedis(port=redis_port, default_queue_name=tmp_path.name, **own) as pool:
                    await enqueue(pool)
                    own = {"queue_name": None, "redis_pool": pool, "burst": True, "handle_signals": False}
                    await arq.Worker(functions, poll_delay=0.01, **own, **settings).async_run()

            asyncio.run(main())

        monkeypatch.setattr(logging.getLogger("arq.worker"), "disabled", True)
        return work

    @pytest.mark.usefixtures("patient_exit")
    def test_its_command_traces_jobs(self, children, collected, redis_port, tmp_path, install):
        """The command that starts a worker, instrumented from outside, goes on with the traces of who enqueued."""
        install("arq")
        (tmp_path / "jobs.py").write_text(
            "import hopline\nfrom arq.connections import RedisSettings\n\n"
            "async def pay(context, number):\n"
            "    with hopline.span('charge'):\n"
            "        if number == 1:\n"
            "            raise ValueError('no money')\n\n"
            "class Settings:\n"
            "    functions = [pay]\n"
            f"    redis_settings = RedisSettings(port={redis_port})\n"
        )

        async def enqueue() -> None:
            async with arq.ArqRedis(port=redis_port) as pool:
                for number in range(2):
                    await pool.enqueue_job("pay", number)

        with Recorder() as recorder, hopline.span("order"):
            asyncio.run(enqueue())
        run = ["-m", "hopline.launch", "--endpoint", collected.url, "--service", "payments", "--"]
        command = [str(Path(sys.executable).with_name("arq")), "--burst", "jobs.Settings"]
        assert children.python(*run, *command, env={"PYTHONPATH": str(tmp_path)}, cwd=tmp_path).wait(120) == 0
        producers = {row.id for row in recorder.spans if row.kind == "producer"}
        consumers = collected.wait(2, kind="consumer", service="payments")
        assert producers == {row["parent_id"] for row in consumers}
        assert {row["parent_id"] for row in collected.wait(2, name="charge")} == {row["id"] for row in consumers}
        assert sorted(row.get("error_type") or "" for row in consumers) == ["", "ValueError"]
        assert {row["kind"] for row in collected.rows} == {"consumer", "local"}

    def test_retries_are_numbered(self, recorder, work, install):
        """A run that asks for a retry has failed, by what made it ask; the next says which attempt it is."""
        install("arq")

        async def pay(context: dict[str, Any]) -> None:
            if context["job_try"] < 3:
                try:
                    raise KeyError("card")
                except KeyError as error:
                    raise arq.Retry from error

        with hopline.span("order") as order:
            work(lambda pool: pool.enqueue_job("pay"), arq.func(pay, name="pay"))
        rows = [row for row in recorder.spans if row.kind == "consumer"]
        assert [(row.attempt, row.error_type) for row in rows] == [(0, "KeyError"), (1, "KeyError"), (2, "")]
        assert {(row.trace_id, row.parent_id) for row in rows} == {(order.trace_id, recorder.one(kind="producer").id)}

    def test_a_job_that_takes_too_long_has_failed(self, recorder, work, install):
        """What arq gives up is a failed row."""
        install("arq")

        async def wait(_context: dict[str, Any]) -> None:
            await asyncio.Event().wait()

        work(lambda pool: pool.enqueue_job("wait"), arq.func(wait, name="wait", timeout=0.01))
        assert recorder.one(kind="consumer").error_type == "CancelledError"

    @pytest.mark.parametrize("fixed", [False, True])
    def test_workers_without_the_hook_run_what_it_enqueued(self, recorder, work, install, fixed):
        """The context stands where nobody else looks, and is left out where jobs have a fixed form."""

        def write(job: dict[str, Any]) -> bytes:
            assert not fixed or set(job) == {"t", "f", "a", "k", "et"}
            return json.dumps(job).encode()

        async def enqueue(pool: arq.ArqRedis) -> None:
            install("arq")
            try:
                assert await pool.enqueue_job("pay", 7, currency="EUR") is not None
            finally:
                hopline.uninstall("arq")

        async def pay(_context: dict[str, Any], amount: int, **others: str) -> None:
            done.append((amount, others))

        done: list[Any] = []
        form = {"job_serializer": write, "job_deserializer": json.loads}
        work(enqueue, arq.func(pay, name="pay"), **form)
        assert done == [(7, {"currency": "EUR"})]
        assert [row.kind for row in recorder.spans] == ["producer"]

    def test_a_job_that_is_there_already_names_no_message(self, recorder, work, install):
        """Of two jobs with one id the second is not made."""
        install("arq")

        async def enqueue(pool: arq.ArqRedis) -> None:
            assert await pool.enqueue_job("pay", _job_id="one") is not None
            assert await pool.enqueue_job("pay", _job_id="one") is None

        async def pay(_context: dict[str, Any]) -> None: ...

        work(enqueue, arq.func(pay, name="pay"))
        rows = [row for row in recorder.spans if row.kind == "producer"]
        assert [row.attrs.get("messaging.message.id") for row in rows] == ["one", None]
        assert recorder.one(kind="consumer").trace_id == rows[0].trace_id

    def test_cron_jobs_begin_traces(self, recorder, work, install):
        """What a worker's own clock enqueues has no producer row; each run is a trace of its own."""
        install("arq", "redis")

        async def tidy(_context: dict[str, Any]) -> None: ...

        async def nothing(_pool: arq.ArqRedis) -> None:
            recorder.clear()

        with hopline.span("start"):
            work(nothing, cron_jobs=[cron(tidy, name="tidy", run_at_startup=True)])
        row = recorder.one(kind="consumer")
        assert (row.name, row.parent_id, row.span_id) == ("process tidy", None, "0")
        assert {row.name for row in recorder.spans} == {"start", "process tidy"}


class TestScheduler:
    def test_a_run_is_a_trace_of_its_own(self, recorder, install, monkeypatch):
        """I4: a job's run begins a trace, whatever was current where the scheduler started; failures show."""
        install("apscheduler", "threads")
        ran = []

        def tidy() -> None:
            ran.append(hopline.current_span().name)
            raise ValueError

        monkeypatch.setattr(logging.getLogger("apscheduler.executors.default"), "disabled", True)
        with hopline.span("start") as start:
            scheduler = BackgroundScheduler()
            scheduler.add_job(tidy, name="tidy up")
            scheduler.start()
            # A scheduler that is shut down while it puts a job away that has run finds the job gone.
            wait_until(lambda: ran and not scheduler.get_jobs(), what="the job")
            scheduler.shutdown()
        row = recorder.one(name="run tidy up")
        assert ran == ["run tidy up"]
        assert (row.parent_id, row.span_id, row.error_type) == (None, "0", "ValueError")
        assert row.trace_id != start.trace_id

    def test_coroutines(self, recorder, install):
        """I4: a job that is a coroutine function likewise."""
        install("apscheduler")

        async def main() -> None:
            done = asyncio.Event()

            async def tidy() -> None:
                with hopline.span("inside"):
                    done.set()

            scheduler = AsyncIOScheduler()
            scheduler.add_job(tidy)
            scheduler.start()
            await asyncio.wait_for(done.wait(), 60)
            await asyncio.sleep(0)
            scheduler.shutdown()

        asyncio.run(main())
        run, inside = recorder.one(span_id="0"), recorder.one(name="inside")
        assert run.name.startswith("run ")
        assert inside.parent_id == run.id


def test_greenlets_keep_their_starters_context(recorder, install):
    """I5: what gevent spawns, at once, later or in a pool, stays in its starter's trace, and leaves that one's span."""
    install("gevent")

    def work(name: str) -> None:
        with hopline.span(name):
            gevent.sleep(0)

    with hopline.span("start") as start:
        pool = Pool(2)
        gevent.joinall([gevent.spawn(work, "a"), gevent.spawn_later(0.001, work, "b"), pool.spawn(work, "c")])
        pool.map(work, ["d", "e"])
        assert hopline.current_span() is start
    gevent.spawn(work, "alone").join()
    found = {row.name: row.parent_id for row in recorder.spans}
    assert found == dict.fromkeys("abcde", start.id) | {"start": None, "alone": None}
