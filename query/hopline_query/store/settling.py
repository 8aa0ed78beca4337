"""One row per trace, made once it is quiet (docs/schema.md, "Settled traces").

Rows are counted by ten seconds of arrival. A bucket whose count was settled is done; one
that grew since is open again, so a block that is inserted late reopens its bucket and
nothing is missed. A pass settles the traces of every open bucket whose time is over,
except those for which a later bucket is open too: they still move, and that bucket will
settle them. Readers take what open buckets name from the rows themselves.

Most traces are plain: whole, and joined by ids and paths alone. The store settles those
itself (``sql/settle_plain.sql``), the others are settled from their trees.

The order of writing makes every step safe to die in and to repeat: new rows first, then
the names of the rows that they replace, then the buckets. Until a bucket is marked no
reader looks at what was written for its traces.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from string import Template
from typing import Any, Final

from hopline.model import Row
from hopline_collector.store.clickhouse import ClickHouse
from hopline_query.store import settled_calls, settled_causes
from hopline_query.store.asking import Asker, statement
from hopline_query.store.rows import row_of
from hopline_query.store.settled_rows import WRITTEN, calls_of, stored, tags_of
from hopline_query.tree.build import LIMIT, build_tree
from hopline_query.tree.summary import summarize

BUCKET_US: Final = 10_000_000
"""Microseconds of arrival in a bucket."""

QUIET_US: Final = 3_000_000
"""How long after its end a bucket is left to late inserts; what comes later reopens it."""

ROWS: Final = 20_000
"""Rows that are read at once: what a pass holds in memory."""

PLAIN_ROWS: Final = 100_000
"""Rows that the store looks through at once for plain traces."""

PAIRS: Final = 4_000_000
"""Pairs of rows of one trace that the store holds against each other at once: marks of calls take memory by these."""

LEVELS: Final = 32
"""Levels of a trace whose calls the store makes (``sql/settle_calls.sql``); one of fewer rows has no more."""

MOST_TRACES: Final = 10_000
"""Traces that one statement names: it travels in an address of at most 1 MiB."""

HOUR_US: Final = 3_600_000_000

Bounds = tuple[str, int, int, int]
"""Trace id, first start, last end, rows."""

Live = tuple[str, int, int, bool]
"""Trace id, version and start of a settled row, and whether anything in it failed."""


def settle(store: ClickHouse, now_us: int, *, most: int = 60) -> int:
    """Settle the traces of up to ``most`` open buckets, the newest first; returns how many traces.

    ``now_us`` is the clock of the collectors, microseconds since the epoch. Safe to
    repeat, to race and to die in.
    """
    asker = Asker(store)
    ended = (now_us - QUIET_US) // BUCKET_US
    due = asker.file("settling_due", {"ended": ended, "most": most})
    if not due:
        return 0
    buckets = [int(bucket) for bucket, _ in due]
    found = asker.file("settling_traces", {"buckets": buckets, "ended": ended})
    version = now_us
    bounds = [(str(i), int(low), int(high), int(rows)) for i, low, high, rows in found]
    for chunk in _chunks(bounds, PLAIN_ROWS):
        _settle(store, asker, chunk, version)
    _insert(store, "settled_buckets", ("bucket", "rows"), due)
    return len(found)


def _chunks(found: Iterable[Bounds], most: int) -> Iterable[list[Bounds]]:
    """Traces that lie in the same hours together, up to ``most`` rows at once."""
    for _, group in groupby(sorted(found, key=_hours), key=_hours):
        chunk: list[Bounds] = []
        rows = 0
        for one in group:
            if chunk and (rows + one[3] > most or len(chunk) == MOST_TRACES):
                yield chunk
                chunk, rows = [], 0
            chunk.append(one)
            rows += one[3]
        yield chunk


def _by_pairs(found: Iterable[Bounds]) -> Iterable[list[Bounds]]:
    """Traces in their order, up to :data:`PAIRS` at once."""
    part: list[Bounds] = []
    pairs = 0
    for one in found:
        if part and pairs + one[3] ** 2 > PAIRS:
            yield part
            part, pairs = [], 0
        part.append(one)
        pairs += one[3] ** 2
    if part:
        yield part


def _hours(bounds: Bounds) -> tuple[int, int]:
    return bounds[1] // HOUR_US, bounds[2] // HOUR_US


def _settle(store: ClickHouse, asker: Asker, chunk: list[Bounds], version: int) -> None:
    where = _where(chunk)
    before = _live(asker, where)
    version = max([version, *(one[1] + 1 for one in before)])
    plain = Template(statement("settle_plain")).substitute(database=store.database)
    store.change(plain, where | {"version": version})
    live = _live(asker, where)
    done = {one[0] for one in live if one[1] == version}
    failing = {one[0] for one in live if one[1] == version and one[3]}
    for part in _chunks((one for one in chunk if one[0] not in done), ROWS):
        _settle_trees(store, asker, part, version)
    for part in _by_pairs(one for one in chunk if one[0] in done):
        _settle_calls(store, asker, part, version)
    for part in _chunks((one for one in chunk if one[0] in failing), ROWS):
        _settle_causes(store, asker, part, version)
    _replace(store, before)
    # Where another process settled the same traces meanwhile, the higher version stays.
    twice = _live(asker, where) if before or not store.settings.path else []
    newest = dict(sorted(one[:2] for one in twice))
    _replace(store, [one for one in twice if one[1] < newest[one[0]]])


def _where(chunk: list[Bounds]) -> dict[str, Any]:
    return {
        "ids": [one[0] for one in chunk],
        "low": min(one[1] for one in chunk),
        "high": max(one[2] for one in chunk),
    }


def _settle_trees(store: ClickHouse, asker: Asker, chunk: list[Bounds], version: int) -> None:
    """Write the figures of any traces, from their trees."""
    made, calls, causes = [], [], []
    for rows in _traces(asker, chunk):
        tree = build_tree(rows, now_us=version)
        summary = summarize(tree)
        searched = (*tags_of(rows), *calls_of(rows))
        made.append((*stored(summary, version, max(row.start_us for row in rows)), *searched))
        calls += settled_calls.of_tree(tree, version)
        causes += settled_causes.of_tree(tree, summary, version)
    _insert(store, "settled", WRITTEN, made)
    _insert(store, "settled_calls", settled_calls.COLUMNS, calls)
    _insert(store, "settled_causes", settled_causes.COLUMNS, causes)


def _settle_calls(store: ClickHouse, asker: Asker, chunk: list[Bounds], version: int) -> None:
    """Write the entry calls of traces that the store settled: after their settled rows, which say that they count."""
    where = _where(chunk) | {"version": version}
    store.change(Template(statement("settle_calls")).substitute(database=store.database), where)
    deep = [one for one in chunk if one[3] > LEVELS]
    done = {row[0] for row in asker.file("settled_calls_of", _where(deep) | {"version": version})} if deep else set()
    for part in _chunks((one for one in deep if one[0] not in done), ROWS):
        trees = (build_tree(rows, now_us=version) for rows in _traces(asker, part))
        _insert(
            store, "settled_calls", settled_calls.COLUMNS, [c for t in trees for c in settled_calls.of_tree(t, version)]
        )


def _settle_causes(store: ClickHouse, asker: Asker, chunk: list[Bounds], version: int) -> None:
    """Write the causes of failing traces that the store settled: few, and their texts are compared by Python alone."""
    causes = []
    for rows in _traces(asker, chunk):
        tree = build_tree(rows, now_us=version)
        causes += settled_causes.of_tree(tree, summarize(tree), version)
    _insert(store, "settled_causes", settled_causes.COLUMNS, causes)


def _traces(asker: Asker, chunk: list[Bounds]) -> Iterable[list[Row]]:
    """The rows of each of these traces."""
    rows = [row_of(values) for values in asker.file("trace_rows", _where(chunk) | {"limit": LIMIT + 1})]
    rows.sort(key=attrgetter("trace_id"))
    return (list(of_trace) for _, of_trace in groupby(rows, key=attrgetter("trace_id")))


def _live(asker: Asker, where: dict[str, Any]) -> list[Live]:
    """The rows that count for these traces."""
    return [(row[0], row[1], row[2], bool(row[3])) for row in asker.file("settling_live", where)]


def _replace(store: ClickHouse, old: Iterable[Live]) -> None:
    rows = [(bytes.fromhex(trace_id), version, start) for trace_id, version, start, _ in old]
    _insert(store, "settled_stale", ("trace_id", "version", "start_us"), rows)


def _insert(store: ClickHouse, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        with store.writer() as handle:
            handle.insert(f"{store.database}.{table}", rows, column_names=columns, settings={"async_insert": 0})
