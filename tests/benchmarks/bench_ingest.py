"""From a filled Kafka topic to stored in every table: spans/s and CPU of one collector process.

``python bench_ingest.py [--spans N] [--fsync] [--block-rows N]``. In the same run, in fresh processes, the very blocks
that the collector made are built again and inserted column by column: into ``ingest`` with every view behind it (the
engine's share of the work) and into a bare copy of table ``spans`` (the least that storing a row can cost).
CPU is counted from the first block until the engine is quiet again, merges included, on all three alike; for
the inserts alone what it took to build the blocks is taken off. The broker's CPU is given apart.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest_messages import PARTITIONS, PER_MESSAGE, PER_TRACE, TOPIC, messages
from usage import Usage, rss_mb, usage, wait_quiet

from hopline_collector.handover.consumer import HandOverSettings
from hopline_collector.sources import topics
from hopline_deploy.broker import Broker
from hopline_deploy.ports import free_ports

HERE = Path(__file__).parent
PATIENCE_S = 300.0


@dataclass(slots=True)
class Run:
    """One process's work, in seconds, and what it left on disk."""

    wall: float
    used: Usage
    phases: dict[str, float]
    sizes: dict[str, tuple[int, int, int]]
    rss: float = 0.0
    broker_cpu: float = 0.0
    blocks: list[tuple[int, int, int]] = field(default_factory=list)


def fill(address: str, spans: int, now: int) -> float:
    """Fill the topic; returns bytes per span."""
    from kafka import KafkaProducer

    topics.create((address,), [TOPIC], PARTITIONS, 0, {})
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


def collect(broker: Broker, spans: int, scratch: Path, settings: dict[str, Any]) -> Run:
    """Run one collector until every span is stored and its engine is quiet."""
    (port,) = free_ports(1)
    files = {name: str(scratch / name) for name in ("here", "go", "done")}
    store = str(scratch / "store")
    wanted = {"path": store, "data": f"{store}-notes", "kafka": broker.address, "port": port, "spans": spans}
    process = subprocess.Popen(
        [sys.executable, str(HERE / "ingest_collector.py"), json.dumps({**wanted, **files, **settings})],
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(Path(files["here"]), process)
        before, broker_before = usage(process.pid), usage(broker.pid).cpu
        Path(files["go"]).touch()
        _wait_for(Path(files["done"]), process)
        broker_cpu, rss = usage(broker.pid).cpu - broker_before, rss_mb(process.pid)
        used = _until_quiet(process.pid, before)
    finally:
        process.terminate()
        process.wait()
    found = json.loads(Path(files["done"]).read_text())
    sizes = json.loads(
        subprocess.check_output([sys.executable, str(HERE / "ingest_insert.py"), "sizes", wanted["path"]])
    )
    return Run(found["wall"], used, found["phases"], sizes, rss, broker_cpu, found["blocks"])


def insert(kind: str, blocks: Path, spans: int, now: int, folder: Path, *, fsync: bool) -> Run:
    """The same blocks without broker and hand-over, in a fresh process; see ``ingest_insert.py``."""
    command = [sys.executable, str(HERE / "ingest_insert.py"), kind, str(folder), str(blocks), str(spans), str(now)]
    process = subprocess.Popen([*command, str(int(fsync))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdout.readline()
        before = usage(process.pid)
        print(file=process.stdin, flush=True)
        found = json.loads(process.stdout.readline())
        used, rss = _until_quiet(process.pid, before), rss_mb(process.pid)
        sizes = json.loads(process.communicate("\n")[0])
    finally:
        process.kill()
        process.wait()
    building = sum(found["phases"].pop(phase) for phase in ("build", "decode"))
    used = Usage(used.cpu - building, used.merges, used.faults, used.written)
    return Run(found["wall"], used, found["phases"], sizes, rss)


def _until_quiet(pid: int, before: Usage) -> Usage:
    """What was used since, once merges have ended; what an idle process uses meanwhile is taken off."""
    begin, share = time.monotonic(), wait_quiet(pid)
    used = usage(pid) - before
    idle = share * (time.monotonic() - begin)
    return Usage(used.cpu - idle, used.merges, used.faults, used.written)


def _wait_for(path: Path, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + PATIENCE_S
    while not path.exists():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the collector made no {path.name}")
        time.sleep(0.05)


def show(name: str, run: Run, spans: int) -> None:
    """One line of figures, and one of phases."""
    size = sum(found[2] for found in run.sizes.values()) / spans
    parts = sum(found[0] for found in run.sizes.values())
    print(
        f"{name:22}{spans / run.wall:8.0f} spans/s {run.used.cpu / spans * 1e6:5.1f} us CPU/span,"
        f" {run.used.faults / spans:.2f} faults, {run.used.written / spans:.0f} B written;"
        f" {size:.1f} B/span in {parts} parts, {run.rss:.0f} MB RSS"
    )
    known = {**run.phases, "merges": run.used.merges}
    known["insert and the rest"] = run.used.cpu - sum(known.values())
    print("  " + ", ".join(f"{phase} {seconds / spans * 1e6:.1f}" for phase, seconds in known.items()))


def report(scratch: Path, spans: int, settings: dict[str, Any]) -> None:
    """Measure and print."""
    now = time.time_ns() // 1000
    broker = Broker(scratch / "kafka")
    broker.start()
    try:
        size = fill(broker.address, spans, now)
        whole = collect(broker, spans, scratch, settings)
    finally:
        broker.stop()
    blocks = scratch / "blocks"
    blocks.write_text(json.dumps(whole.blocks))
    fsync = settings["fsync"]
    views = insert("views", blocks, spans, now, scratch / "views", fsync=fsync)
    bare = insert("bare", blocks, spans, now, scratch / "bare", fsync=fsync)
    per_block = spans // len(whole.blocks)
    print(f"{spans} spans of {size:.0f} B, 8 tags, {PER_TRACE} a trace, {PER_MESSAGE} a message; fsync {fsync}")
    print(f"blocks of {per_block} rows; broker {whole.broker_cpu / spans * 1e6:.1f} us CPU/span")
    for name, run in (("collector, all views", whole), ("insert, all views", views), ("insert, bare table", bare)):
        show(name, run, spans)
    print(f"collector / insert with views {whole.used.cpu / views.used.cpu:.2f}")
    print(f"collector / insert into a bare table {whole.used.cpu / bare.used.cpu:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--fsync", action="store_true")
    parser.add_argument("--block-rows", type=int, default=HandOverSettings().block_rows)
    chosen = parser.parse_args()
    settings = {"fsync": chosen.fsync, "block_rows": chosen.block_rows}
    with tempfile.TemporaryDirectory() as scratch:
        report(Path(scratch), chosen.spans, settings)


if __name__ == "__main__":
    main()
