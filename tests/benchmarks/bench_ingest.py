"""From a filled Kafka topic to stored in every table: spans/s and CPU of one collector process.

``python bench_ingest.py [--spans N] [--fsync]``. In the same run, in processes of their
own, the same blocks are inserted column by column: into the ``ingest`` table with every
view behind it (the engine's share of the work) and into a bare copy of ``spans``
(the least that storing a row can cost). The broker's CPU is given apart.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec

from hopline_collector.core import INGEST_COLUMNS, Message, build_block
from hopline_collector.plan import Plan
from hopline_collector.process import create_topics
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.migrate import migrate
from hopline_collector.store.writer import ClickHouseWriter
from hopline_deploy.broker import Broker
from hopline_deploy.ports import free_ports

TOPIC = "hopline.spans"
SERVICES, USERS = 30, 50_000
OPERATIONS = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (9, 10), (11, 12))
"""Of each service, by kind: 390 in all."""
PER_TRACE, PER_MESSAGE, PER_BLOCK = 10, 100, 50_000
COLLECTOR = Path(__file__).parents[1] / "faults" / "collector_process.py"
TICKS = os.sysconf("SC_CLK_TCK")


def messages(spans: int, now: int) -> Iterator[tuple[int, bytes]]:
    """(partition, body): one process per message, traces of ten rows, eight tags, 20,000 spans/s in order."""
    source = random.Random(1)
    begin = now - spans * 50
    kinds = (2, 0, 1, 2, 1, 2, 1, 0, 3, 4)
    for number in range(spans // PER_MESSAGE):
        service = number % SERVICES
        process = {
            "service": f"service-{service}",
            "instance": f"host-{service}:{number % 4}",
            "zone": f"z{service % 3}",
        }
        rows = []
        for _ in range(PER_MESSAGE // PER_TRACE):
            trace, start = source.randbytes(16), begin + number * PER_MESSAGE * 50
            uid = f"u-{source.randrange(USERS)}"
            for position, kind in enumerate(kinds):
                rows.append(_row(source, (trace, uid), position, kind, start + position * 900))
        yield number % 2, msgspec.msgpack.encode([1, {**process, "env": "prod", "version": "1.4"}, rows])


def _row(source: random.Random, whose: tuple[bytes, str], position: int, kind: int, start: int) -> list[Any]:
    trace, uid = whose
    failed = source.random() < 0.005
    peer = {1: ("shop", "db"), 3: ("mail", "mq"), 4: ("mail", "mq")}.get(kind, ("", ""))
    tags = {
        "http.request.method": "GET",
        "http.response.status_code": "500" if failed else "200",
        "server.address": f"h{source.randrange(200)}",
        "server.port": "8080",
        "network.protocol.version": "1.1",
        "user_agent.original": "shop/1.0",
        "customer": str(source.randrange(20_000)),
        "url.scheme": "http",
    }
    return [
        trace,
        "0" if not position else f"0.{position}",
        source.getrandbits(63) + 1,
        0 if not position else source.getrandbits(63) + 1,
        kind,
        f"operation-{source.choice(OPERATIONS[kind])}",
        start,
        int(source.lognormvariate(9, 1.5)),
        tags,
        9 if not position else 0,
        9 if failed else 1,
        uid if kind == 2 else "",
        ["service-1", "h:1", "z1", "GET /"] if kind == 2 and position else None,
        *peer,
        1_000,
        "Timeout" if failed else "",
    ]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def fill(address: str, spans: int, now: int) -> float:
    """Fill the topic; returns bytes per span."""
    from kafka import KafkaProducer

    create_topics((address,), {TOPIC: "native"}, 2, {})
    producer = KafkaProducer(
        bootstrap_servers=address, acks="all", linger_ms=50, batch_size=262_144, compression_type="lz4"
    )
    size = 0
    for number, (partition, body) in enumerate(messages(spans, now)):
        producer.send(TOPIC, value=body, partition=partition)
        size += len(body)
        if number % 500 == 0:
            producer.flush()
    producer.flush()
    producer.close()
    return size / spans


def collect(address: str, spans: int, folder: Path, broker_pid: int, *, fsync: bool) -> dict[str, float]:
    """Run one collector until the ledger has every span."""
    (port,) = free_ports(1)
    wanted = {"path": str(folder), "kafka": address, "port": port, "fsync": fsync}
    process = subprocess.Popen([sys.executable, str(COLLECTOR), json.dumps(wanted)], stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}/metrics"
        before = _when(url, lambda rows: rows > 0)
        cpu, broker_cpu = cpu_seconds(process.pid), cpu_seconds(broker_pid)
        after = _when(url, lambda rows: rows >= spans)
        cpu, broker_cpu = cpu_seconds(process.pid) - cpu, cpu_seconds(broker_pid) - broker_cpu
        memory = int(Path(f"/proc/{process.pid}/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024
    finally:
        process.terminate()
        process.wait()
    count = after[1] - before[1]
    return {
        "rate": count / (after[0] - before[0]),
        "cpu": cpu / count * 1e6,
        "broker_cpu": broker_cpu / count * 1e6,
        "rss": memory,
    }


def _when(url: str, reached: Any) -> tuple[float, float]:
    """(time, rows received) as soon as `reached` says so of the live counter."""
    while True:
        try:
            text = httpx.get(url, timeout=30.0).text
        except httpx.HTTPError:
            text = ""
        for line in text.splitlines():
            if line.startswith('hopline_rows_total{account="received"}'):
                rows = float(line.rpartition(" ")[2])
                if reached(rows):
                    return time.monotonic(), rows
        time.sleep(0.5)


def insert(kind: str, spans: int, folder: Path, *, fsync: bool) -> None:
    """In a process of its own: insert blocks that were built before; prints spans/s and CPU."""
    store = ClickHouse(StoreSettings(path=str(folder), fsync=fsync))
    migrate(store)
    with store.writer() as handle:
        handle.command("CREATE TABLE hopline.bare AS hopline.spans ENGINE = MergeTree ORDER BY (trace_id, start_us)")
    now = time.time_ns() // 1000
    waiting = [Message(n, "native", body) for n, (_, body) in enumerate(messages(spans, now))]
    writer = ClickHouseWriter(store)
    per_block = PER_BLOCK // PER_MESSAGE
    blocks = [
        build_block(waiting[at : at + per_block], Plan(at, at + per_block, now))
        for at in range(0, len(waiting), per_block)
    ]
    names = [name for name in INGEST_COLUMNS if name != "keep"]
    wall, cpu = time.monotonic(), time.process_time()
    for number, block in enumerate(blocks):
        if kind == "views":
            writer.write(block, str(number))
        else:
            with store.writer() as handle:
                handle.insert("hopline.bare", [block.columns[n] for n in names], names, column_oriented=True)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    count = sum(block.rows for block in blocks)
    store.close()
    print(json.dumps({"rate": count / wall, "cpu": cpu / count * 1e6}))


def insert_apart(kind: str, spans: int, folder: Path, *, fsync: bool) -> dict[str, float]:
    """Run :func:`insert` in a fresh process."""
    command = [sys.executable, __file__, "--insert", kind, "--folder", str(folder), "--spans", str(spans)]
    answer = subprocess.run([*command, *(["--fsync"] if fsync else [])], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=600_000)
    parser.add_argument("--fsync", action="store_true")
    parser.add_argument("--insert", default="")
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    if chosen.insert:
        insert(chosen.insert, chosen.spans, chosen.folder, fsync=chosen.fsync)
        return
    with tempfile.TemporaryDirectory() as scratch:
        report(Path(scratch), chosen.spans, fsync=chosen.fsync)


def report(scratch: Path, spans: int, *, fsync: bool) -> None:
    """Measure and print."""
    broker = Broker(scratch / "kafka")
    broker.start()
    try:
        size = fill(broker.address, spans, time.time_ns() // 1000)
        whole = collect(broker.address, spans, scratch / "store", broker.pid, fsync=fsync)
    finally:
        broker.stop()
    part = min(spans, 200_000)
    views = insert_apart("views", part, scratch / "views", fsync=fsync)
    bare = insert_apart("bare", part, scratch / "bare", fsync=fsync)
    print(f"{spans} spans of {size:.0f} B, 8 tags, {PER_TRACE} a trace, {PER_MESSAGE} a message; fsync {fsync}")
    print(f"collector at the end: {whole['rss']:.0f} MB RSS; broker {whole['broker_cpu']:.1f} us CPU/span")
    for name, found in (("collector, all views", whole), ("insert, all views", views), ("insert, bare table", bare)):
        print(f"{name:22}{found['rate']:9.0f} spans/s {found['cpu']:6.1f} us CPU/span")
    print(f"collector / insert with views {whole['cpu'] / views['cpu']:.2f}")
    print(f"collector / insert into a bare table {whole['cpu'] / bare['cpu']:.2f}")


if __name__ == "__main__":
    main()
