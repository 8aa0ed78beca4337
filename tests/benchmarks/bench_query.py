"""What reading costs: each question of the pages, over a store filled by SQL.

    python tests/benchmarks/bench_query.py [--traces N] [--repeat N] [--json]

Milliseconds belong to the machine; the column to watch is how they stand to each
other and how they grow with --traces.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.migrate import migrate
from hopline_query.service import QueryService
from hopline_query.store.reader import ClickHouseReader
from support.filled import ROWS_PER_TRACE, fill

HOUR_US = 3_600_000_000


def questions(service: QueryService) -> dict[str, Callable[[], object]]:
    """Name of a question -> ask it."""
    hour, day = {"from": "now-1h", "to": "now"}, {"from": "now-24h", "to": "now"}
    newest = service.search({**hour, "limit": "50"})["traces"]
    ids = iter([trace["trace_id"] for trace in newest] * 100)
    return {
        "trace by id": lambda: service.trace(next(ids)),
        "user, 24 h": lambda: service.user("u-4711"),
        "search, newest, 1 h": lambda: service.search(hour),
        "search, service, 1 h": lambda: service.search({**hour, "service": "svc-7"}),
        "search, tag, 24 h": lambda: service.search({**day, "filter": "shop.tenant=17"}),
        "search, errors, longest, 24 h": lambda: service.search({**day, "errors": "true", "order_by": "longest"}),
        "figures of all services, 15 min": lambda: service.stats({"from": "now-15m", "to": "now"}),
        "figures of all services, 24 h": lambda: service.stats(day),
        "series of a service, 24 h": lambda: service.series({**day, "service": "svc-7"}),
        "map, 24 h": lambda: service.dependencies(day),
        "error groups, 24 h": lambda: service.errors(day),
    }


def measure(ask: Callable[[], object], repeat: int) -> dict[str, float]:
    """Median and worst of `repeat` askings, in milliseconds, after one to warm up."""
    ask()
    taken = []
    for _ in range(repeat):
        began = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - began) * 1000)
    return {"median_ms": round(statistics.median(taken), 1), "worst_ms": round(max(taken), 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=int, default=50_000)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = ClickHouse(StoreSettings(path=folder, memory_bytes=4_000_000_000))
        try:
            migrate(store)
            now = time.time_ns() // 1000
            began = time.perf_counter()
            fill(store, traces=options.traces, from_us=now - 24 * HOUR_US, to_us=now)
            filled = time.perf_counter() - began
            service = QueryService(ClickHouseReader(store))
            found = {name: measure(ask, options.repeat) for name, ask in questions(service).items()}
        finally:
            store.close()
    rows = options.traces * ROWS_PER_TRACE
    if options.json:
        print(json.dumps({"rows": rows, "fill_s": round(filled, 1), "questions": found}, indent=2))
        return
    print(f"{rows:,} rows over 24 h, filled in {filled:.1f} s")
    print(f"{'question':<34}{'median ms':>10}{'worst ms':>10}")
    for name, taken in found.items():
        print(f"{name:<34}{taken['median_ms']:>10}{taken['worst_ms']:>10}")


if __name__ == "__main__":
    main()
