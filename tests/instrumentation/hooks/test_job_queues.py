"""Job queues and schedulers as they run: RQ's work horses, APScheduler's threads, gevent's greenlets."""

import asyncio
import logging
import sys
from pathlib import Path

import gevent
import pytest
import redis
import rq
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler
from gevent.pool import Pool

import hopline
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
