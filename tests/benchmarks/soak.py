"""Load for minutes: memory stays flat, and every row that was sent is accounted for.

    python tests/benchmarks/soak.py [--seconds N] [--rate SPANS_PER_SECOND] [--kafka]

One traced process sends to `hopline up` while somebody reads. Ends with 1 when rows
are missing, when memory grows by more than a tenth between the first third (after
warming up) and the last, or passes 1 GB.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import hopline
from hopline_deploy.broker import Broker
from hopline_deploy.ports import free_ports

SPANS_PER_TRACE = 10
GROWTH_MOST = 1.10
RSS_MOST = 1_000_000_000
READ_EVERY_S = 5.0


def rss(pid: int) -> int:
    """Resident memory of a process, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


def ready(url: str, deadline: float = 30.0) -> None:
    end = time.monotonic() + deadline
    while True:
        try:
            get(f"{url}/health/ready")
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return


def accounts(url: str) -> dict[str, int]:
    """Ledger sums by account, from the metrics."""
    prefix = 'hopline_ledger_rows{account="'
    lines = [line.removeprefix(prefix) for line in get(f"{url}/metrics").splitlines() if line.startswith(prefix)]
    return {line.partition('"')[0]: int(float(line.rpartition(" ")[2])) for line in lines}


def trace(number: int) -> None:
    """One trace: a root, and children in twos."""
    with hopline.span("soak"):
        hopline.set_uid(f"u-{number % 500}")
        for child in range(SPANS_PER_TRACE - 1):
            with hopline.span(f"step {child}") as span:
                span.tag("soak.number", number % 100)
                if number % 97 == 0 and child == 3:
                    span.annotate("late", number)


def load(url: str, pid: int, seconds: float, rate: float) -> list[int]:
    """Send at `rate` for `seconds`; memory of the server, once a second."""
    began = time.monotonic()
    sizes: list[int] = []
    number, next_read = 0, READ_EVERY_S
    while (passed := time.monotonic() - began) < seconds:
        while number * SPANS_PER_TRACE < rate * passed:
            trace(number)
            number += 1
        if passed >= len(sizes):
            sizes.append(rss(pid))
        if passed >= next_read:
            next_read += READ_EVERY_S
            get(f"{url}/api/v1/stats")
            get(f"{url}/api/v1/traces?uid=u-17")
        time.sleep(0.005)
    return sizes


def settled(url: str, sent: int, deadline: float = 60.0) -> dict[str, int]:
    """The accounts once everything that was sent has been received."""
    end = time.monotonic() + deadline
    while (found := accounts(url)).get("received", 0) < sent and time.monotonic() < end:
        time.sleep(0.5)
    return found


def verdict(sizes: list[int], counters: dict, found: dict[str, int]) -> list[str]:
    """What went wrong; empty when all is well."""
    wrong = []
    third = len(sizes) // 3
    first, last = statistics.median(sizes[third : 2 * third]), statistics.median(sizes[2 * third :])
    print(f"memory of hopline up: {first / 1e6:.0f} MB in the middle, {last / 1e6:.0f} MB at the end")
    print(f"client: {counters}")
    print(f"ledger: {found}")
    if last > first * GROWTH_MOST or max(sizes) > RSS_MOST:
        wrong.append(f"memory grew to {max(sizes) / 1e6:.0f} MB")
    if counters["dropped"]:
        wrong.append(f"the client dropped {counters['dropped']}")
    rest = sum(count for account, count in found.items() if account != "received")
    if not found["received"] == rest == counters["sent"] == counters["recorded"]:
        wrong.append("the accounts do not agree")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--rate", type=float, default=5_000.0)
    parser.add_argument("--kafka", action="store_true")
    options = parser.parse_args()
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(Path(folder) / "kafka") if options.kafka else None
        if broker is not None:
            broker.start()
        flags = ["--port", str(port), "--otlp-port", "0", "--data", f"{folder}/data"]
        flags += ["--kafka", broker.address] if broker is not None else []
        server = subprocess.Popen([sys.executable, "-m", "hopline_deploy", "up", *flags])
        try:
            ready(url)
            endpoint = f"kafka://{broker.address}" if broker is not None else url
            hopline.configure(service="soak", endpoint=endpoint, buffer_rows=200_000)
            sizes = load(url, server.pid, options.seconds, options.rate)
            hopline.flush(30)
            wrong = verdict(sizes, hopline.counters(), settled(url, hopline.counters()["sent"]))
        finally:
            hopline.shutdown(1)
            server.terminate()
            server.wait(15)
            if broker is not None:
                broker.stop()
    print("\n".join(wrong) or "all is well")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
