"""What settling costs: CPU a span in one large chunk and in small ones, beside a bare insert of the same rows.

``python bench_settle.py [--spans N] [--statements]``. Traces of ten rows are stored, in one bucket of arrival or in
buckets of 12,500 rows that are settled one after the other, as they come at 1,250 spans/s. CPU is that of the
whole process, so the embedded engine's and Python's; the least of three runs. ``--statements`` tells what each took.
"""

import argparse
import gc
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hopline_collector.block.core import INGEST_COLUMNS
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.migrate import migrate
from hopline_query.store import settling
from support.filled import ROWS_PER_TRACE, fill

SMALL = 12_500
"""Rows of a small chunk."""
RUNS = 3
BEGIN = 1_763_802_000_000_000
HOUR_US = 3_600_000_000


def cpu(work: Callable[[], object]) -> float:
    """Seconds of CPU of all threads."""
    gc.collect()
    before = time.process_time()
    work()
    return time.process_time() - before


def settled(store: ClickHouse, spans: int, chunk: int, hour: int) -> float:
    """CPU of settling so many spans, stored in buckets of ``chunk`` rows within an hour of their own."""
    total, begin = 0.0, BEGIN + hour * 2 * HOUR_US
    for _ in range(spans // chunk):
        fill(store, traces=chunk // ROWS_PER_TRACE, from_us=begin, to_us=begin + 8_000_000)
        total += cpu(lambda now=begin + 60_000_000: settling.settle(store, now))
        begin += 100_000_000
    return total


def bare(store: ClickHouse, spans: int) -> float:
    """CPU of inserting the rows of the first chunk, column by column, into a table that feeds no other."""
    names = [name for name in INGEST_COLUMNS if name != "keep"]
    chosen = ", ".join(f's."{name}"' for name in names)
    with store.reader() as handle:
        found = handle.query(f"SELECT {chosen} FROM {store.database}.spans AS s LIMIT {spans}", column_oriented=True)
    columns = dict(zip(names, map(list, found.result_columns), strict=True))
    # Named tuples of the engine arrive as mappings.
    columns["annotations"] = [[tuple(one.values()) for one in many] for many in columns["annotations"]]
    return cpu(lambda: store.insert("bare", columns, ""))


@contextmanager
def watched(store: ClickHouse) -> Iterator[Counter[str]]:
    """Seconds of CPU by statement, by its first words."""
    found: Counter[str] = Counter()

    def watch(name: str) -> None:
        plain: Callable[..., Any] = getattr(store, name)

        def timed(text: str, *rest: Any) -> Any:
            begin = time.process_time()
            try:
                return plain(text, *rest)
            finally:
                lines = [line for line in text.strip().splitlines() if not line.lstrip().startswith("--")]
                found[" ".join(" ".join(lines).split())[:60]] += time.process_time() - begin

        setattr(store, name, timed)

    for name in ("ask", "change"):
        watch(name)
    yield found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=100_000)
    parser.add_argument("--statements", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = ClickHouse(StoreSettings(path=folder))
        migrate(store)
        with store.writer() as handle:
            handle.command(f"CREATE TABLE {store.database}.bare AS {store.database}.spans")
        settled(store, SMALL, SMALL, 0)
        bare(store, SMALL)
        for number, (name, chunk) in enumerate((("one chunk", chosen.spans), (f"chunks of {SMALL}", SMALL))):
            with watched(store) as found:
                costs = [settled(store, chosen.spans, chunk, 1 + number * RUNS + run) for run in range(RUNS)]
            print(f"settling, {name:16} {min(costs) / chosen.spans * 1e6:6.2f} us CPU a span")
            for text, seconds in found.most_common(12) if chosen.statements else ():
                print(f"    {seconds / RUNS / chosen.spans * 1e6:6.2f}  {text}")
            del store.ask, store.change
        costs = [bare(store, chosen.spans) for _ in range(RUNS)]
        print(f"bare column insert         {min(costs) / chosen.spans * 1e6:6.2f} us CPU a span")
        store.close()


if __name__ == "__main__":
    main()
