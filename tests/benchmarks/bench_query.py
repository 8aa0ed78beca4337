"""What reading costs, from outside: whole HTTP answers over one kept-alive connection to a server of its own process.

    python tests/benchmarks/bench_query.py [--spans N] [--hours N] [--repeat N] [--data FOLDER]
                                           [--stores embedded,server] [--page FILE]

Asked of the embedded engine and of a real ClickHouse server, over the same data (query_data.py). With ``--data`` the
stores are kept in the folder and used again. The *floor* of a figure is one bare SELECT of the same rows by primary
key, or an empty statement, on a handle of the same engine in the same run. Questions of a kind are asked with other
ids and other values each time.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from query_data import Data, made
from query_questions import Question, arriving, questions
from query_report import Measured, page, text
from usage import rss_mb, wait_quiet

from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from support.clickhouse_server import Server as ClickHouseServer
from support.hopline_process import Server, started
from support.process import Children

STORES = ("embedded", "server")


def floors(store: ClickHouse, data: Data) -> dict[str, float]:
    """Milliseconds (median) of a statement that does nothing, and of all columns of a trace's rows by primary key."""
    rows = (
        f"SELECT * FROM {store.database}.spans WHERE trace_id = unhex({{id:String}})"
        " AND intDiv(start_us, 3600000000) BETWEEN {hour:UInt64} AND {hour:UInt64} + 1"
    )

    def trace(ids: Iterator[str]) -> Callable[[], object]:
        def ask() -> object:
            trace_id = next(ids)
            return store.ask(rows, {"id": trace_id, "hour": int(trace_id[:8], 16) // 3600})

        return ask

    return {
        "empty": _median(lambda: store.ask("SELECT 1"), 60),
        "trace": _median(trace(iter(data.looked_up)), 60),
        **{
            f"trace of {size}": _median(trace(iter([trace_id] * 10)), 7)
            for size, trace_id in zip((10_000, 100_000), data.large, strict=True)
        },
    }


def _median(ask: Callable[[], object], repeat: int) -> float:
    ask()
    return statistics.median(_timed(ask) for _ in range(repeat))


def _timed(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1_000


def ask_all(server: Server, found: list[Question], repeat: int) -> dict[str, list[float]]:
    """Milliseconds of every answer of each question; the questions take turns, and each is warmed up once."""
    taken: dict[str, list[float]] = {question.name: [] for question in found}
    with httpx.Client(base_url=server.url, timeout=60.0) as client:
        for turn in range(repeat + 1):
            for question in random.sample(found, len(found)):
                if turn > question.most:
                    continue
                path = question.path()
                spent = _timed(lambda path=path, name=question.name: _get(client, path, name))  # type: ignore[misc]
                if turn:
                    taken[question.name].append(spent)
    return taken


def _get(client: httpx.Client, path: str, name: str) -> None:
    """Ask; an answer that ran out of time counts for what it took, and is told."""
    answer = client.get(path)
    if answer.status_code == httpx.codes.GATEWAY_TIMEOUT:
        print(f"{name}: 504, out of time", file=sys.stderr)
        return
    answer.raise_for_status()


def measure(server: Server, data: Data, repeat: int) -> dict[str, list[float]]:
    """All figures of one server."""
    wait_quiet(server.child.pid)
    taken = ask_all(server, questions(data), repeat)
    with httpx.Client(base_url=server.url, timeout=60.0) as client:
        taken["trace by id, 30 spans, still arriving"] = arriving(client, min(repeat, 20), _timed)
    before = rss_mb(server.child.pid)
    taken |= ask_all(server, [Question("trace of 100,000 spans, first window", _window(data), most=3)], 3)
    taken["memory of that, MB more"] = [max(0.0, rss_mb(server.child.pid) - before)]
    return taken


def _window(data: Data) -> Callable[[], str]:
    return lambda: f"/api/v1/traces/{data.large[1]}?shape=timeline&limit=200"


@contextmanager
def embedded(folder: Path, children: Children, chosen: argparse.Namespace) -> Iterator[tuple[Server, Data, Measured]]:
    """`hopline up` on a folder, after the folder was filled and its floors were measured in this process."""
    store = ClickHouse(StoreSettings(path=str(folder / "clickhouse"), memory_bytes=4_000_000_000))
    data = made(store, folder / "data.json", chosen.spans, chosen.hours)
    measured = Measured(data, floors(store, data))
    store.close()
    yield started(children, "--data", str(folder)), data, measured


@contextmanager
def server(folder: Path, children: Children, chosen: argparse.Namespace) -> Iterator[tuple[Server, Data, Measured]]:
    """`hopline up` in front of a ClickHouse server."""
    clickhouse = ClickHouseServer(children, folder / "server")
    clickhouse.configure()
    clickhouse.start()
    store = ClickHouse(StoreSettings(url=clickhouse.url))
    data = made(store, folder / "data.json", chosen.spans, chosen.hours)
    measured = Measured(data, floors(store, data))
    store.close()
    yield started(children, "--data", str(folder / "hopline"), "--clickhouse", clickhouse.url), data, measured


def run(kind: str, folder: Path, chosen: argparse.Namespace) -> Measured:
    """Everything of one kind of store; what was started has ended."""
    folder.mkdir(parents=True, exist_ok=True)
    # A folder that is used again holds what earlier processes wrote.
    children = Children(Path(tempfile.mkdtemp(dir=folder)))
    try:
        with {"embedded": embedded, "server": server}[kind](folder, children, chosen) as (asked, data, measured):
            measured.taken = measure(asked, data, chosen.repeat)
        return measured
    finally:
        children.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=2_000_000)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--repeat", type=int, default=40)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--stores", default=",".join(STORES))
    parser.add_argument("--page", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.data or Path(temporary)
        found = {kind: run(kind, folder / kind, chosen) for kind in chosen.stores.split(",")}
    print(text(found))
    if chosen.page:
        chosen.page.write_text(page(found, chosen.hours))


if __name__ == "__main__":
    main()
