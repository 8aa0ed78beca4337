"""Keeping the pairing of calls of which no single row tells both ends.

The map pairs the sides of such calls when it is read (``all_edges_1m``), which is exact
in any order of arrival but costs a pass over the range. Buckets that are closed are
paired once here and kept under their number of rows; a row that comes later makes that
number stale, the reader pairs the bucket again, and so does the next pass.
"""

from typing import Final

from hopline_collector.store.clickhouse import ClickHouse

BUCKET_SECONDS: Final = 60
"""Sides of a call meet in buckets of this length."""

QUIET_SECONDS: Final = 30
"""How long after its end a bucket is left to the reader: most rows have come then."""

_VALUES: Final = ("calls", "errors", "rows", "duration_sum", "duration_max", "cross_zone", "last_seen", "hist")
_KEYS: Final = ("bucket", "slot", "caller", "callee", "side", "env", "load_test")
_COLUMNS: Final = ("generation", *_KEYS, *_VALUES)

_STALE: Final = """
SELECT toUnixTimestamp(bucket), sum(rows) AS generation FROM {database}.call_buckets
WHERE bucket <= toDateTime({{last:UInt64}}, 'UTC')
GROUP BY bucket HAVING (bucket, generation) NOT IN (SELECT bucket, generation FROM {database}.paired_buckets)
ORDER BY bucket DESC LIMIT {{most:UInt32}}"""

_PAIRED: Final = """
SELECT bucket, slot, caller, callee, side, env, load_test,
  sum(p.calls), sum(p.errors), sum(p.rows), sum(p.duration_sum), max(p.duration_max), sum(p.cross_zone),
  max(p.last_seen), sumMap(p.hist)
FROM {database}.call_pairs AS p WHERE bucket = toDateTime({{bucket:UInt64}}, 'UTC')
GROUP BY bucket, slot, caller, callee, side, env, load_test ORDER BY ALL"""


def settle(store: ClickHouse, now_us: int, *, most: int = 500) -> int:
    """Pair and keep up to ``most`` closed buckets that are stale; returns how many.

    Safe to repeat, to race and to die in: a bucket counts as kept only once its row in
    ``paired_buckets`` is there, and the same generation is written once.
    """
    last = now_us // 1_000_000 - BUCKET_SECONDS - QUIET_SECONDS
    stale = store.ask(_STALE.format(database=store.database), {"last": last, "most": most})
    for bucket, generation in stale:
        _keep(store, int(bucket), int(generation))
    return len(stale)


def _keep(store: ClickHouse, bucket: int, generation: int) -> None:
    found = store.ask(_PAIRED.format(database=store.database), {"bucket": bucket})
    start = store.ask("SELECT toDateTime({bucket:UInt64}, 'UTC')", {"bucket": bucket})
    token = f"pairing/{bucket}/{generation}"
    if found:
        columns = map(list, zip(*((generation, *row) for row in found), strict=True))
        store.insert("paired_edges", dict(zip(_COLUMNS, columns, strict=True)), token)
    store.insert("paired_buckets", {"bucket": [start[0][0]], "generation": [generation]}, token)
