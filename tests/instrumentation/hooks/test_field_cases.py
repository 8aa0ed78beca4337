"""Cases from public reports of other tracers, each with the tree that one expects."""

import asyncio
import concurrent.futures
import warnings

import pytest
from celery import Celery
from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import create_engine, text
from sqlalchemy.pool import StaticPool

import hopline
from hopline.middleware.asgi import TraceMiddleware
from hopline.testing import Recorder
from support.celery_worker import celery_worker
from support.waiting import wait_until

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would rather have another HTTP client, which plays no part here
    from starlette.testclient import TestClient


@pytest.fixture
def app():
    app = FastAPI()
    app.add_middleware(TraceMiddleware)
    return app


def below(recorder, name):
    """Names of the rows right below the row ``name``."""
    parent = recorder.one(name=name)
    return sorted(row.name for row in recorder.spans if row.parent_id == parent.id)


def test_an_ignored_health_check_with_a_query_makes_no_row(app, install):
    """I3: a probe's SELECT 1, and whatever else it does, is no root trace."""
    install("sqlalchemy")
    # A thread of the framework makes the connection, and this one closes it.
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})

    @app.get("/health")
    def health():
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        with hopline.span("check queue"):
            return {}

    with Recorder() as recorder:
        assert TestClient(app).get("/health").status_code == 200
        assert recorder.spans == []
    engine.dispose()


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_background_tasks(app, kind):
    """I3: a background task is a local row of its own below the request, whose duration it does not lengthen."""

    def mail():
        wait_until(lambda: any(row.kind == "server" for row in recorder.spans), what="the row of the request")
        with hopline.span("smtp"):
            pass

    def answer(tasks: BackgroundTasks):
        hopline.set_uid("u-1")
        tasks.add_task(mail)
        return {}

    async def answer_async(tasks: BackgroundTasks):
        return answer(tasks)

    app.get("/order")(answer if kind == "sync" else answer_async)
    with Recorder() as recorder:
        TestClient(app).get("/order")
        request = recorder.one(kind="server")
        task = recorder.one(name=f"background {mail.__qualname__}")
        assert (task.parent_id, task.kind) == (request.id, "local")
        assert request.start_us + request.duration_us < task.start_us + task.duration_us
        assert recorder.one(name="smtp").parent_id == task.id
        assert {row.uid for row in recorder.spans} == {"u-1"}


def test_gather_groups_executors_and_late_tasks(recorder, install):
    """I5: gather, task groups, executors, and a task that outlives the span it was made in: all below the root."""
    install("threads")

    async def work(name):
        with hopline.span(name):
            await asyncio.sleep(0)
            with hopline.span(f"{name}.inner"):
                await asyncio.sleep(0)

    def blocking(name):
        with hopline.span(name):
            pass

    async def main():
        with hopline.span("root"):
            await asyncio.gather(work("a"), work("b"))
            async with asyncio.TaskGroup() as group:
                group.create_task(work("c"))
            await asyncio.get_running_loop().run_in_executor(None, blocking, "executor")
            await asyncio.to_thread(blocking, "thread")
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                list(pool.map(blocking, ["pool 1", "pool 2"]))
            late = asyncio.create_task(work("late"))
        await late

    asyncio.run(main())
    assert below(recorder, "root") == ["a", "b", "c", "executor", "late", "pool 1", "pool 2", "thread"]
    assert [below(recorder, name) for name in ("a", "b", "late")] == [["a.inner"], ["b.inner"], ["late.inner"]]


def test_streams(app):
    """I3: chunks are made inside the request's row; one that breaks after its answer began fails it."""

    @app.get("/numbers/{n}")
    async def numbers(n: int):
        async def body():
            for i in range(3):
                with hopline.span(f"chunk {i}"):
                    yield b"x"

        return StreamingResponse(body())

    @app.get("/breaks")
    async def breaks():
        async def body():
            yield b"x"
            raise ValueError("in the middle")

        return StreamingResponse(body())

    client = TestClient(app, raise_server_exceptions=False)
    with Recorder() as recorder:
        client.get("/numbers/7")
        assert below(recorder, "GET /numbers/{n}") == ["chunk 0", "chunk 1", "chunk 2"]
        client.get("/breaks")
        row = recorder.one(name="GET /breaks")
        assert (row.error_type, row.tags["http.response.status_code"]) == ("ValueError", "200")


def test_tasks_that_retry_and_send_tasks(install):
    """I4: a retry is the next attempt below the first send; what a task sends by another app is below its run."""
    install("celery")
    app = Celery("first", broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.task_default_queue = "cases"

    @app.task(name="pong", shared=False)
    def pong():
        with hopline.span("in pong"):
            return 1

    @app.task(name="ping", bind=True, max_retries=1, shared=False)
    def ping(self):
        if self.request.retries == 0:
            raise self.retry(countdown=0)
        other = Celery("second", broker="memory://", set_as_current=False)
        other.send_task("pong", queue="cases")
        return 2

    with Recorder() as recorder:
        with celery_worker(app, shutdown_timeout=60):
            with hopline.span("root"):
                ping.delay()
            wait_until(lambda: [row for row in recorder.spans if row.name == "in pong"], what="the last task")
        rows = recorder.spans
        assert {row.trace_id for row in rows} == {recorder.one(name="root").trace_id}
        runs = [row for row in rows if row.name == "process ping"]
        assert [(row.attempt, row.error) for row in runs] == [(0, True), (1, False)]
        assert recorder.one(name="in pong").parent_id == recorder.one(name="process pong").id
        assert recorder.one(name="send pong").parent_id == runs[1].id
