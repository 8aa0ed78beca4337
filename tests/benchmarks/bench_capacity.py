"""Holds the arithmetic of `hopline capacity` against a load that it has not seen, within a quarter.

    python tests/benchmarks/bench_capacity.py [--rate SPANS_PER_SECOND] [--seconds N]

Two short loads, a quarter of the rate and the rate, give the assumptions, as `hopline bench` does. A longer one at
half the rate is then predicted and measured: processors that are busy, and bytes on the disk. Ends with 1 when one
of the two is off by more than a quarter.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from hopline_deploy.bench.costs import assumptions
from hopline_deploy.bench.measure import Cost, measure, server
from hopline_deploy.capacity import Assumptions, busy_cores

OFF_MOST = 0.25


def load(rate: float, seconds: float) -> Cost:
    """A load of our own format into a new server."""
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as remote:
        return measure(remote, "native", rate, seconds)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=4_000.0)
    parser.add_argument("--seconds", type=float, default=12.0)
    asked = parser.parse_args()
    slow, fast = load(asked.rate / 4, asked.seconds), load(asked.rate, asked.seconds)
    found = assumptions(slow, fast, Assumptions())
    print(f"assumed: {found}")
    soak = load(asked.rate / 2, asked.seconds * 3)
    pairs = {
        "busy cores": (busy_cores(soak.spans_per_s, 1, found), soak.spans_per_s * soak.cpu_us / 1e6),
        "bytes a span": (found.stored_bytes, soak.stored_bytes or 0.0),
    }
    worst = 0.0
    for name, (predicted, measured) in pairs.items():
        off = predicted / measured - 1
        worst = max(worst, abs(off))
        print(f"{name:<14} predicted {predicted:8.2f}  measured {measured:8.2f}  {off:+.0%}")
    return int(worst > OFF_MOST)


if __name__ == "__main__":
    sys.exit(main())
