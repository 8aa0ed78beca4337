"""`hopline up` under a steady load through Kafka: freshness, memory, CPU, and catching up after an outage.

``python bench_live.py [--rate SPANS_PER_SECOND] [--seconds N] [--outage N] [--fsync]``. Load, broker and server
share the machine. Freshness is asked with spans of a real client: from the end of the span to the first
search that shows it, one search asked five times a second. Then the server is stopped for a while, the load goes
on, and the clock runs from its start until everything sent has been received.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
from ingest_messages import PARTITIONS, TOPIC
from live_server import Server
from usage import rss_mb, usage

import hopline
from hopline_collector.sources import topics
from hopline_deploy.broker import Broker

HERE = Path(__file__).parent
PROBE_EVERY_S, ASK_EVERY_S, GIVE_UP_S = 0.25, 0.2, 20.0
FRESH_S = 2.5
"""How far behind a server is that is not behind: what a block is gathered and inserted in."""


class Probes:
    """Traces of a real client that are looked for until they show, all by one search that is asked again and again."""

    def __init__(self, url: str) -> None:
        self.delays: list[float] = []
        self._url = url
        self._waiting: dict[str, float] = {}
        self._sent_all = threading.Event()
        self._asking = threading.Thread(target=self._ask, daemon=True)
        self._asking.start()

    def send(self) -> None:
        """One span, remembered by its trace with the time of its end."""
        with hopline.span("probe") as span:
            trace_id = span.trace_id
        self._waiting[trace_id] = time.monotonic()

    def finish(self) -> int:
        """Wait for the last; how many never showed."""
        self._sent_all.set()
        self._asking.join()
        return len(self._waiting)

    def _ask(self) -> None:
        wanted = {"service": "probe", "from": "now-2m", "limit": "500"}
        end = float("inf")
        with httpx.Client(timeout=30.0) as client:
            while time.monotonic() < end and not (self._sent_all.is_set() and not self._waiting):
                if self._sent_all.is_set():
                    end = min(end, time.monotonic() + GIVE_UP_S)
                answer = client.get(f"{self._url}/api/v1/traces", params=wanted)
                shown = {trace["trace_id"] for trace in answer.raise_for_status().json()["traces"]}
                now = time.monotonic()
                self.delays += [now - self._waiting.pop(found) for found in shown if found in self._waiting]
                time.sleep(ASK_EVERY_S)


def load(address: str, rate: float, seconds: float) -> "subprocess.Popen[str]":
    """Start the load; it prints how much it sent."""
    command = [sys.executable, str(HERE / "ingest_load.py"), address, str(rate), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def sent_by(process: "subprocess.Popen[str]") -> int:
    """Wait for a load to end; how many spans it sent."""
    return int(process.communicate()[0])


def live(server: Server, address: str, rate: float, seconds: float) -> int:
    """Freshness, memory and CPU under the load; returns spans sent."""
    running = load(address, rate, seconds)
    probes, sizes = Probes(server.url), []
    time.sleep(3.0)
    before, began = usage(server.pid).cpu, time.monotonic()
    number = 0
    while running.poll() is None:
        probes.send()
        number += 1
        sizes.append(rss_mb(server.pid))
        time.sleep(PROBE_EVERY_S)
    cores = (usage(server.pid).cpu - before) / (time.monotonic() - began)
    lost = probes.finish()
    delays = sorted(probes.delays)
    p50, p99 = statistics.median(delays), delays[int(len(delays) * 0.99)]
    print(f"live: {rate:.0f} spans/s for {seconds:.0f} s; load average {os.getloadavg()[0]:.1f}")
    print(f"  end of span to search: p50 {p50:.2f} s, p99 {p99:.2f} s, most {delays[-1]:.2f} s; {lost} lost")
    print(f"  {cores:.2f} cores, {cores / rate * 1e6:.1f} us CPU/span, searches of the probes included")
    print(f"  RSS {max(sizes):.0f} MB at most, {sizes[-1]:.0f} MB at the end")
    return sent_by(running) + number


def catch_up(server: Server, address: str, rate: float, outage: float, sent: int) -> None:
    """Stop the server under load, start it again, and see how fast it gets to the end."""
    server.stop()
    running = load(address, rate, outage + GIVE_UP_S)
    time.sleep(outage)
    ready = server.start()
    began, first = time.monotonic(), server.received()
    backlog = rate * (outage + ready)
    while (found := server.received() - first) < backlog + rate * (time.monotonic() - began - FRESH_S):
        if running.poll() is not None:
            print("the load ended before the server had caught up")
            break
        time.sleep(0.25)
    passed = time.monotonic() - began
    print(f"catching up after {outage:.0f} s: {found} spans in {passed:.1f} s = {found / passed:.0f} spans/s, load on")
    wanted = sent + sent_by(running)
    while server.received() < wanted and time.monotonic() < began + 120:
        time.sleep(0.5)
    print(f"  sent {wanted}, received {server.received()}; RSS {rss_mb(server.pid):.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=20_000.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--outage", type=float, default=10.0)
    parser.add_argument("--fsync", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(Path(folder) / "kafka")
        broker.start()
        server = Server(Path(folder) / "data", broker.address, fsync=chosen.fsync)
        try:
            topics.create((broker.address,), [TOPIC], PARTITIONS, 0, {})
            print(f"start to ready, empty store: {server.start():.2f} s")
            hopline.configure(service="probe", endpoint=f"kafka://{broker.address}")
            sent = live(server, broker.address, chosen.rate, chosen.seconds)
            hopline.shutdown(2)
            catch_up(server, broker.address, chosen.rate, chosen.outage, sent)
        finally:
            server.stop()
            broker.stop()


if __name__ == "__main__":
    main()
