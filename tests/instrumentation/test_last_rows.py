"""Children of every kind send their last rows, though nobody flushes and however they end."""

import subprocess
import sys
import time

import pytest

from hopline.config import SETTINGS
from support import wait_until

SETUP = """
import multiprocessing, os, signal, sys, time, hopline
from concurrent.futures import ProcessPoolExecutor
hopline.configure(service="parent", endpoint=sys.argv[1], batch_ms=1000)

def work(n):
    with hopline.span(f"task {n}"), hopline.span("step"):
        return n

def wait(pids):
    for pid in pids:
        os.waitpid(pid, 0)
"""

TIMEOUT_S = 60
"""A time-out that shows on the busiest machine."""

ENDINGS = {
    "multiprocessing.Process": (
        (
            "with hopline.span('root'):\n"
            "    children = [multiprocessing.get_context('fork').Process(target=work, args=(n,)) for n in range(4)]\n"
            "    for child in children: child.start()\n"
            "    for child in children: child.join()\n"
        ),
        8,
    ),
    "multiprocessing.Pool, terminated": (
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n    pool.map(work, range(4), chunksize=1)\n",
        8,
    ),
    "ProcessPoolExecutor": (
        (
            "with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context('fork')) as pool:\n"
            "    list(pool.map(work, range(4)))\n"
        ),
        8,
    ),
    "os._exit": (
        "with hopline.span('root'), hopline.span('before'):\n    pass\nwork(1)\nos._exit(0)\n",
        4,
    ),
    "fork below a span, os._exit": (
        (
            "with hopline.span('root'):\n"
            "    with hopline.span('before'): pass\n"
            "    pids = []\n"
            "    for n in range(2):\n"
            "        pid = os.fork()\n"
            "        if pid == 0:\n"
            "            work(n)\n"
            "            os._exit(0)\n"
            "        pids.append(pid)\n"
            "    wait(pids)\n"
        ),
        6,
    ),
    "fork, sys.exit": (
        "pid = os.fork()\nif pid == 0:\n    work(1)\n    sys.exit(0)\nwait([pid])\n",
        2,
    ),
    "sys.exit": ("work(1)\nsys.exit(0)\n", 2),
    "an exception": ("work(1)\nraise ValueError('as it happens')\n", 2),
}


def run(script: str, *arguments: str) -> float:
    """Seconds that the program takes."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", SETUP + script, *arguments], check=False, timeout=200, capture_output=True)
    return time.monotonic() - began


@pytest.mark.usefixtures("patient_exit")
@pytest.mark.parametrize("ending", ENDINGS)
def test_no_child_loses_its_last_rows(collector, ending):
    """S4, S5: the rows of each process arrive, each once, with no flush by hand."""
    script, count = ENDINGS[ending]
    run(script, collector.url)
    ended = wait_until(lambda: len(collector.ended) >= count and collector.ended, what=f"{count} rows")
    assert len({row["id"] for row in ended}) == len(ended)
    assert sum(row["name"].startswith(("task", "step", "root", "before")) for row in ended) == len(ended) >= count


@pytest.mark.usefixtures("patient_exit")
def test_a_worker_that_does_not_hear_is_ended(collector):
    """S4, S5: SIGTERM ends a worker whose main thread is deep in a C library, and its rows arrive."""
    script = """
import hashlib, threading
def deaf(ready):
    work(1)
    gate = threading.Semaphore(0)
    threading.Thread(target=lambda: gate.acquire() and ready.set(), daemon=True).start()
    sys.setswitchinterval(1000)  # so that the other thread goes on once this one is in the library
    gate.release()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)
context = multiprocessing.get_context("fork")
ready = context.Event()
child = context.Process(target=deaf, args=(ready,), daemon=True)
child.start()
ready.wait()
child.terminate()
child.join(60)
if child.is_alive():
    child.kill()
else:
    work(2)
"""
    run(script, collector.url)
    names = {row["name"] for row in collector.rows}
    assert names == {"task 1", "task 2", "step"}


@pytest.mark.usefixtures("patient_exit")
def test_a_worker_that_is_terminated_while_it_ends(collector):
    """S4, S5: SIGTERM amid the last words of a worker, under the locks that they take, changes nothing."""
    script = """
import atexit, threading
from hopline import tracer

class Interrupted(threading.Event):
    def set(self):
        with self._cond:
            signal.raise_signal(signal.SIGTERM)
        super().set()

def end():
    work(1)
    tracer.active().reporter._wake.__class__ = Interrupted
    atexit._run_exitfuncs()
    os._exit(0)

child = multiprocessing.get_context("fork").Process(target=end, daemon=True)
child.start()
child.join(60)
if child.is_alive():
    child.kill()
else:
    work(2)
"""
    run(script, collector.url)
    assert {row["name"] for row in collector.rows} == {"task 1", "task 2", "step"}


@pytest.mark.usefixtures("patient_exit")
def test_signals_are_the_applications(collector):
    """S5: a program that blocks a signal and waits for it gets it, whatever threads of ours run."""
    script = """
work(1)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
os.kill(os.getpid(), signal.SIGTERM)
signal.sigwait({signal.SIGTERM})
work(2)
"""
    run(script, collector.url)
    assert {row["name"] for row in collector.rows} == {"task 1", "task 2", "step"}


@pytest.mark.usefixtures("patient_exit")
def test_a_fork_while_an_answer_is_awaited(collector):
    """S4: a child forked while half of an answer has come waits for nothing that its parent's sender holds."""
    script = """
import socket, threading
server = socket.create_server(("127.0.0.1", 0))
hopline.configure(service="parent", endpoint="http://127.0.0.1:%d" % server.getsockname()[1], batch_ms=1)
work(1)
connection, _ = server.accept()
connection.sendall(b"HTTP/1.1 202 OK\\r\\nContent-Length: 4\\r\\n\\r\\n{")
(sender,) = (thread for thread in threading.enumerate() if thread.name == "hopline-sender")

def calls():
    frame = sys._current_frames()[sender.ident]
    while frame:
        yield frame.f_code.co_name
        frame = frame.f_back

while not {"readinto", "read"} <= set(calls()):
    time.sleep(0.01)
pid = os.fork()
if pid == 0:
    os._exit(0)
for _ in range(500):
    ended, _ = os.waitpid(pid, os.WNOHANG)
    if ended:
        break
    time.sleep(0.01)
else:
    os.kill(pid, signal.SIGKILL)
connection.close()
server.close()
hopline.configure(service="parent", endpoint=sys.argv[1], exit_timeout_s=0)
work("ended" if ended else "hung")
"""
    run(script, collector.url)
    assert {"task ended"} == {row["name"] for row in collector.rows if row["name"].startswith("task ")} - {"task 1"}


@pytest.mark.usefixtures("patient_exit")
def test_numbers_go_on_below_a_fork(collector):
    """M3, M5: what a child does below its parent's span takes numbers after those that were taken before the fork."""
    run(ENDINGS["fork below a span, os._exit"][0], collector.url)
    rows = wait_until(lambda: len(collector.ended) >= 6 and collector.ended)
    assert sorted(row["span_id"] for row in rows) == [
        "0", "0.1", "0.2", "0.2", "0.2.1", "0.2.1",
    ]  # fmt: skip


def test_a_pool_waits_for_nobody(closed_address, monkeypatch):
    """S5: with the collector away neither a task of a pool nor the end of the program costs a time-out."""
    monkeypatch.setenv("HOPLINE_EXIT_TIMEOUT_S", f"{TIMEOUT_S}")
    script = """
from hopline.hooks.threads import for_process_pool
with hopline.span('root'), ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('fork')) as pool:
    list(pool.map(for_process_pool(work, 'pooled'), range(10)))
"""
    assert run(script, closed_address) < TIMEOUT_S


@pytest.fixture
def closed_address():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("script", ["work(1)\n", "pass\n"], ids=["rows", "none"])
@pytest.mark.parametrize("scheme", ["http", "kafka"])
def test_a_script_ends_soon_when_the_far_side_is_away(closed_address, script, scheme, monkeypatch):
    """S5: a script whose collector or broker is not there waits for the short of its two times, not for the long one.

    That it ends within half a second of one without us is for ``make bench-client``: a busy machine says nothing of it.
    """
    assert SETTINGS["exit_away_s"].default < 0.5 < SETTINGS["exit_timeout_s"].default
    monkeypatch.setenv("HOPLINE_EXIT_TIMEOUT_S", f"{TIMEOUT_S}")
    assert run(script, closed_address.replace("http", scheme)) < TIMEOUT_S


@pytest.mark.parametrize("far_side", ["taking", "away", "broker away"])
def test_nothing_is_imported_while_rows_are_sent_or_at_the_exit(collector, closed_address, far_side):
    """S4, S5: no thread of ours holds a module's lock that a child would wait for, and the exit pays for no import."""
    away = closed_address.replace("http", "kafka") if far_side == "broker away" else closed_address
    script = """
import sys, threading

class Finder:
    def find_spec(self, name, path=None, target=None):
        if over or threading.current_thread() is not threading.main_thread():
            print(name, threading.current_thread().name)

over = False
sys.meta_path.insert(0, Finder())
import hopline
hopline.configure(service="s", endpoint=sys.argv[1], batch_ms=1)
with hopline.span("row"):
    pass
hopline.flush(0.3)
over = True
"""
    address = collector.url if far_side == "taking" else away
    done = subprocess.run(
        [sys.executable, "-c", script, address], check=True, timeout=60, capture_output=True, text=True
    )
    assert done.stdout == ""
