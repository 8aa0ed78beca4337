"""Connections: what the embedded engine does to those who do not know it, kept away from callers."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.errors import StoreAwayError, StoreBusyError, StoreHeldError
from support.clickhouse_server import Server as ClickHouseServer
from support.waiting import wait_until

FAILS_HALF_WAY = "SELECT number, throwIf(number = 150000) FROM numbers(200000) SETTINGS max_block_size = 1000"


def test_a_failed_select_leaves_nothing_for_the_next_one(engine: ClickHouse) -> None:
    """R1: bytes of a failed statement stay in its handle, so the handle is thrown away."""
    for _ in range(5):
        with pytest.raises(Exception, match=r"THROW_IF|throwIf"), engine.writer() as handle:
            handle.query(FAILS_HALF_WAY)
        with engine.writer() as handle:
            assert handle.command("SELECT 42") == 42
        with pytest.raises(Exception, match=r"THROW_IF|throwIf"), engine.reader() as handle:
            handle.query("SELECT number, throwIf(number = 150000) FROM numbers(200000)")
        with engine.reader() as handle:
            assert handle.query("SELECT 42").result_rows == [(42,)]


def test_readers_cannot_write(engine: ClickHouse) -> None:
    """R4: read handles are read-only, however they are asked."""
    for statement in (
        f"INSERT INTO {engine.database}.spans (name) VALUES ('x')",
        f"DROP TABLE {engine.database}.spans",
        "SET readonly = 0",
        "SELECT * FROM url('http://127.0.0.1:1/', CSV, 'a String')",
    ):
        with pytest.raises(Exception, match=r"READONLY|readonly"), engine.reader() as handle:
            handle.command(statement)


def test_readers_are_read_only_over_http_too(clickhouse: ClickHouseServer) -> None:
    """R4: the same holds for a server."""
    store = ClickHouse(StoreSettings(url=clickhouse.url))
    with pytest.raises(Exception, match=r"READONLY|readonly"), store.reader() as handle:
        handle.command("CREATE DATABASE surprise")
    store.close()


def test_parameters_are_bound_and_come_back_as_they_went(engine: ClickHouse) -> None:
    """R4: quotes, backslashes, line ends and markup are data."""
    with engine.reader() as handle:
        for text in ("'; DROP TABLE spans; --", "\\'\n\t\r", "<script>", "ü\u202e\u200b", "%s {a:String}", "=1+1"):
            assert handle.query("SELECT {t:String}", parameters={"t": text}).result_rows == [(text,)]


def test_a_query_that_takes_too_long_is_ended(engine: ClickHouse) -> None:
    """Q6: the engine ends it, and the next query is not affected."""
    settings = StoreSettings(path=engine.settings.path, database=engine.database, query_seconds=1)
    store = ClickHouse(settings)
    with pytest.raises(Exception, match="TIMEOUT_EXCEEDED"), store.reader() as handle:
        handle.query("SELECT sum(sipHash64(number)) FROM numbers(1000000000000)")
    with store.reader() as handle:
        assert handle.query("SELECT 1").result_rows == [(1,)]
    store.close()


def test_when_every_handle_is_in_use_the_caller_is_told(engine: ClickHouse) -> None:
    """Q6: too many at once is an answer, not a queue."""
    store = ClickHouse(StoreSettings(path=engine.settings.path, readers=1, reader_wait_seconds=0.01))
    with store.reader(), pytest.raises(StoreBusyError), store.reader():
        pass
    with store.reader() as handle:
        assert handle.command("SELECT 1") == 1
    store.close()


def test_closing_ends_a_running_query(engine: ClickHouse) -> None:
    """R6: nobody waits for a query when the process ends."""
    store = ClickHouse(StoreSettings(path=engine.settings.path, query_seconds=60))
    ended: list[str] = []
    running = threading.Event()

    def ask() -> None:
        try:
            with store.reader() as handle:
                running.set()
                handle.query("SELECT sum(sipHash64(number)) FROM numbers(1000000000000)")
        except Exception as error:
            ended.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    running.wait(60)
    with engine.reader() as other:
        wait_until(lambda: other.command("SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%'") > 1)
    store.close()
    thread.join(60)
    assert not thread.is_alive()
    assert len(ended) == 1
    with pytest.raises(StoreAwayError), store.reader():
        pass


def test_closing_waits_for_nobody_longer_than_it_may(engine: ClickHouse) -> None:
    """R6: a thread that stays inside the engine is told of, and holds nobody up."""
    for use in ("writer", "reader"):
        store = ClickHouse(StoreSettings(path=engine.settings.path))
        entered, leave = threading.Event(), threading.Event()

        def stay(
            used: str = use, at: ClickHouse = store, inside: threading.Event = entered, end: threading.Event = leave
        ) -> None:
            with getattr(at, used)():
                inside.set()
                end.wait(60)

        thread = threading.Thread(target=stay)
        thread.start()
        entered.wait(60)
        assert store.close(0.2) is False
        leave.set()
        thread.join()
        assert store.close(1.0) is True


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    """C2: away is an error of its own."""
    store = ClickHouse(StoreSettings(url="http://127.0.0.1:1"))
    with pytest.raises(StoreAwayError):
        store.check()


HOLD = """
import sys
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.migrate import migrate
store = ClickHouse(StoreSettings(path=sys.argv[1]))
migrate(store)
with store.writer() as handle:
    handle.command("INSERT INTO hopline.spans (name, start_us) VALUES ('x', 1763800000000000)")
print("open", flush=True)
sys.stdin.read()
"""

OPEN = """
import sys
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.errors import StoreHeldError
store = ClickHouse(StoreSettings(path=sys.argv[1]))
try:
    store.check()
    with store.reader() as handle:
        print("rows", handle.command("SELECT count() FROM hopline.spans"), "detached", store.detached_parts())
except StoreHeldError as error:
    print("held by", error.pid)
store.close()
"""


def run(script: str, path: Path) -> str:
    return subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True, input="", timeout=60
    ).stdout.strip()


CRASH = """
import ctypes, os, sys, threading
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
for _ in range(2):
    store = ClickHouse(StoreSettings(path=sys.argv[1]))
    store.check()
    if _ == 0:
        store.close()
crash = {"abort": os.abort, "segv": lambda: ctypes.string_at(0)}[sys.argv[2]]
thread = threading.Thread(target=crash)
thread.start()
thread.join()
"""


@pytest.mark.parametrize(("how", "number"), [("abort", signal.SIGABRT), ("segv", signal.SIGSEGV)])
def test_a_crash_ends_the_process(tmp_path: Path, how: str, number: int) -> None:
    """R1: the engine's own handler of deadly signals would keep a crashed process for ever, port and folder held."""
    ended = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", CRASH, str(tmp_path), how],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == -number
    assert "Current thread" in ended.stderr


def test_a_held_folder_says_who_holds_it(tmp_path: Path) -> None:
    """R1: a second process is told the first one's number, and may have the folder when that is dead."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        assert run(OPEN, tmp_path) == f"held by {holder.pid}"
        holder.kill()
        holder.wait()
    (tmp_path / "hopline-tmp" / "left-over.native").write_bytes(b"x")
    assert run(OPEN, tmp_path) == "rows 1 detached 0"
    assert list((tmp_path / "hopline-tmp").iterdir()) == []


def test_a_truncated_part_is_noticed(tmp_path: Path) -> None:
    """R1: the engine sets a broken part aside in silence; we count such parts."""
    assert run(HOLD, tmp_path) == "open"
    files = list(tmp_path.glob("store/*/*/*/data.bin"))
    parts = [f for f in files if f.parent.name.startswith("20251122")]
    assert parts
    for part in parts:
        part.write_bytes(part.read_bytes()[:10])
    assert "detached 0" not in run(OPEN, tmp_path)


def test_the_error_for_a_held_folder_names_a_way_out() -> None:
    """O2: one line of advice."""
    assert str(StoreHeldError("/data", 17)).startswith("/data is already open by process 17")
    assert "another process" in str(StoreHeldError("/data", None))
