"""The store at rest: bytes per span by table, time to ready, and reads beside a giant trace.

``python bench_store.py [--spans N] [--copies N]``. Spans are inserted as a collector inserts them, every table is
optimised, and its bytes are counted. Then one body of 40,000 spans of one trace is posted to `hopline up` on that
store while other reads go on. At last copies of the days' partitions stand for a larger store, on which it starts.
"""

import argparse
import statistics
import tempfile
import threading
import time
from pathlib import Path

import httpx
import msgspec
from ingest_insert import sizes
from ingest_messages import PER_MESSAGE, PER_TRACE, messages
from live_server import Server

from hopline_collector.block.core import Message, build_block
from hopline_collector.handover.plan import Plan
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.migrate import migrate
from hopline_collector.store.writer import ClickHouseWriter

ENGINE_FOLDER = "clickhouse"
PER_BLOCK = 50_000
GIANT = 40_000
READS = 60


def filled(folder: Path, spans: int) -> ClickHouse:
    """A store with so many spans, in blocks as the hand-over makes them."""
    store = ClickHouse(StoreSettings(path=str(folder)))
    migrate(store)
    writer, now, waiting = ClickHouseWriter(store), time.time_ns() // 1000, []
    for number, (_, body) in enumerate(messages(spans, now)):
        waiting.append(Message(number, "native", body))
        if len(waiting) * PER_MESSAGE >= PER_BLOCK:
            writer.write(build_block(waiting, Plan(waiting[0].offset, number + 1, now)), str(number))
            waiting = []
    return store


def optimise(store: ClickHouse) -> None:
    """Every table down to a part per partition, as time would."""
    with store.writer() as handle:
        for table in sizes(store):
            handle.command(f"OPTIMIZE TABLE hopline.{table} FINAL")


def copy(store: ClickHouse, copies: int) -> int:
    """Attach the rows' partitions to their tables again; returns the spans there are then."""
    with store.writer() as handle:
        for table in ("spans", "spans_by_service", "traces", "traces_by_uid"):
            found = handle.query(
                "SELECT DISTINCT partition_id FROM system.parts"
                " WHERE active AND database = 'hopline' AND table = {t:String}",
                parameters={"t": table},
            ).result_rows
            handle.command(f"CREATE TABLE hopline.copied AS hopline.{table}")
            for (partition,) in found:
                handle.command(f"ALTER TABLE hopline.copied ATTACH PARTITION ID '{partition}' FROM hopline.{table}")
                for _ in range(copies - 1):
                    handle.command(f"ALTER TABLE hopline.{table} ATTACH PARTITION ID '{partition}' FROM hopline.copied")
            handle.command("DROP TABLE hopline.copied SYNC")
        return int(handle.query("SELECT count() FROM hopline.spans").result_rows[0][0])


def show_sizes(store: ClickHouse, spans: int) -> None:
    """Bytes per span, each table and all together."""
    found = sizes(store)
    print(f"{spans} spans, {PER_TRACE} a trace, 8 tags, optimised: bytes per span on disk")
    for table, (parts, rows, size) in found.items():
        if size / spans >= 0.05:
            print(f"  {table:20}{size / spans:7.2f} in {rows} rows, {parts} parts")
    print(f"  {'all tables':20}{sum(size for _, _, size in found.values()) / spans:7.2f}")


def giant(now: int) -> bytes:
    """One trace, one body, in JSON as any client may post it."""
    rows = [
        {
            "trace_id": f"{now // 1_000_000:08x}{'77' * 12}",
            "span_id": f"0.{number}" if number else "0",
            "id": f"{number + 1:016x}",
            "parent_id": f"{1:016x}" if number else None,
            "kind": "local",
            "service": "giant",
            "name": f"step {number % 50}",
            "start_us": now - 5_000_000 + number,
            "duration_us": 100,
            "tags": {"shop.step": str(number)},
        }
        for number in range(GIANT)
    ]
    return msgspec.json.encode(rows)


def reads(url: str, until: threading.Event) -> list[float]:
    """Milliseconds of each read, one after the other, until told to stop or enough were made."""
    found = []
    questions = ("/api/v1/traces?from=now-1h&limit=20", "/api/v1/stats?from=now-15m", "/api/v1/traces?uid=u-4711")
    with httpx.Client(base_url=url, timeout=30.0) as client:
        while len(found) < READS or not until.is_set():
            began = time.perf_counter()
            client.get(questions[len(found) % len(questions)]).raise_for_status()
            found.append((time.perf_counter() - began) * 1000)
    return found


def beside_a_giant(server: Server) -> None:
    """Other reads' p95 alone, and from the post of the giant until it is stored and read back."""
    url, done = server.url, threading.Event()
    done.set()
    reads(url, done)
    alone = reads(url, done)
    done.clear()
    during: list[float] = []
    reading = threading.Thread(target=lambda: during.extend(reads(url, done)))
    body, before = giant(time.time_ns() // 1000), server.received()
    reading.start()
    began = time.monotonic()
    answer = httpx.post(f"{url}/api/v1/spans", content=body, headers={"Content-Type": "application/json"}, timeout=60.0)
    answer.raise_for_status()
    accepted = time.monotonic() - began
    while server.received() < before + GIANT and time.monotonic() < began + 60:
        time.sleep(0.1)
    stored = time.monotonic() - began
    done.set()
    reading.join()
    print(f"{GIANT} spans of one trace in one body of {len(body) / 1e6:.1f} MB: {answer.json()['accepted']} accepted")
    print(f"  answered after {accepted:.2f} s, stored after {stored:.2f} s")
    p95 = [statistics.quantiles(times, n=20)[-1] for times in (alone, during)]
    print(f"  other reads' p95: {p95[0]:.0f} ms alone, {p95[1]:.0f} ms meanwhile: {p95[1] / p95[0]:.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--copies", type=int, default=20)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        empty = Server(Path(folder) / "empty")
        try:
            print(f"start to ready, empty store: {empty.start():.2f} s")
        finally:
            empty.stop()
        data = Path(folder) / "data"
        store = filled(data / ENGINE_FOLDER, chosen.spans)
        optimise(store)
        show_sizes(store, chosen.spans)
        store.close()
        server = Server(data)
        try:
            server.start()
            beside_a_giant(server)
        finally:
            server.stop()
        store = ClickHouse(StoreSettings(path=str(data / ENGINE_FOLDER)))
        total = copy(store, chosen.copies)
        store.close()
        try:
            print(f"start to ready, {total / 1e6:.0f} M spans on disk: {server.start():.2f} s")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
