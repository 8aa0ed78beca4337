"""What the processes of test_multiprocessing run: importable, as each start method but fork wants."""

import multiprocessing
import os

import hopline
from hopline.hooks.threads import for_process_pool


def work(number: int) -> int:
    """Two rows of this process; returns who did it."""
    with hopline.span(f"task {number}"), hopline.span("step"):
        return os.getpid()


def main(method: str, endpoint: str) -> None:
    """Rows before, in and after a pool of processes that are started by ``method``."""
    hopline.configure(service="parent", endpoint=endpoint, batch_ms=1)
    context = multiprocessing.get_context(method)
    with hopline.span("before"):
        pass
    with hopline.span("root"), context.Pool(2, hopline_for, (endpoint,)) as pool:
        pids = pool.map(for_process_pool(work, "in the pool"), range(6), chunksize=1)
        assert os.getpid() not in pids
        process = context.Process(target=alone, args=(endpoint,))
        process.start()
        process.join()
    with hopline.span("after"):
        pass


def hopline_for(endpoint: str) -> None:
    """A child that is no copy of its parent has nothing configured."""
    hopline.configure(service="child", endpoint=endpoint, batch_ms=1)


def alone(endpoint: str) -> None:
    """A process of its own, with a trace of its own, that ends by itself."""
    hopline_for(endpoint)
    work(99)
