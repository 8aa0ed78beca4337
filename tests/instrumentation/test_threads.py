import asyncio
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

import hopline
from hopline import hooks
from hopline.hooks.threads import for_process_pool


@pytest.fixture(autouse=True)
def hooked():
    hooks.install("threads")
    yield
    hooks.uninstall("threads")


def work(name: str = "work") -> str:
    with hopline.span(name) as row:
        return row.trace_id


def test_thread(recorder):
    """I5: Thread, with a target and as a subclass."""

    class Worker(threading.Thread):
        def run(self) -> None:
            work("subclass")

    with hopline.span("root"):
        threads = [threading.Thread(target=work), Worker()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    root = recorder.one(name="root")
    assert [recorder.one(name=name).parent_id for name in ("work", "subclass")] == [root.id, root.id]


def test_thread_pool(recorder):
    """I5: ThreadPoolExecutor.submit and map; a worker thread keeps nothing of an earlier task's context."""
    with ThreadPoolExecutor(1) as pool:
        with hopline.span("root"):
            pool.submit(work).result()
            list(pool.map(work, ["mapped"]))
        pool.submit(work, "alone").result()
    root = recorder.one(name="root")
    assert recorder.one(name="work").parent_id == recorder.one(name="mapped").parent_id == root.id
    assert recorder.one(name="alone").span_id == "0"


def test_asyncio(recorder):
    """I5: create_task, to_thread and run_in_executor."""

    async def task() -> None:
        work("task")

    async def main() -> None:
        with hopline.span("root"):
            await asyncio.create_task(task())
            await asyncio.to_thread(work, "to_thread")
            await asyncio.get_running_loop().run_in_executor(None, work, "executor")

    asyncio.run(main())
    root = recorder.one(name="root")
    assert {recorder.one(name=name).parent_id for name in ("task", "to_thread", "executor")} == {root.id}


def test_process_pool_helper(recorder):
    """I5: the helper for process pools continues the trace in the worker."""
    with hopline.span("root") as root, ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        assert pool.submit(for_process_pool(work)).result() == root.trace_id
    assert recorder.one(name="root").children == 1


def test_process_pool_helper_outside_a_trace(recorder):
    """I5: outside a trace the helper is the plain function."""
    assert len(for_process_pool(work)("alone")) == 32


def test_uninstall_restores():
    """I4: uninstall puts the originals back."""
    hooks.uninstall("threads")
    assert threading.Thread.start.__module__ == "threading"
    assert not hasattr(threading.Thread.start, "__wrapped__")
