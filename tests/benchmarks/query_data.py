"""What the read benchmark asks about: a day of a large fleet, made and settled by SQL.

200 services with some 2,000 edges between them; half of the traces enter by ``svc-0``. A trace has ten rows, which
come in two blocks that they share with thousands of others. Beside them stand traces of 30, 10,000 and 100,000 rows.
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template

from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.migrate import migrate
from hopline_query.store.settling import settle
from support.filled import ROWS_PER_TRACE, fill, settle_filled

HOUR_US = 3_600_000_000
FLEET = (
    "arrayMap(n -> if(n = 0, if(t % 500 < 250, 0, t % 200), 1 + cityHash64(t % 500, n) % 199), range(5))::Array(UInt64)"
)
BUSIEST = "svc-0"
LOOKED_UP = 400
"""Traces of 30 rows, one for each look-up, so that none is asked twice."""
LARGE = (10_000, 100_000)

_WIDE = Template("""
INSERT INTO ${database}.ingest
SELECT
  unhex(concat(leftPad(hex(toUInt32(intDiv(begin, 1000000))), 8, '0'),
               leftPad(hex(${mark} + trace), 24, '0'))) AS trace_id,
  if(r = 0, '0', concat('0.', toString(r))) AS span_id,
  sipHash64(${mark}, trace, toUInt32(r)) AS id,
  if(r = 0, 0, sipHash64(${mark}, trace, toUInt32(intDiv(r - 1, 8)))) AS parent_id,
  if(r = 0, 'server', 'local') AS kind,
  concat('wide-', toString(r % 10)) AS service,
  concat('step ', toString(r % 40)) AS name,
  concat('host-', toString(r % 10), ':80') AS instance, concat('host-', toString(r % 10)) AS host,
  'east' AS zone, 'bench' AS env, '1.0' AS version,
  begin + r * 20 AS start_us,
  if(r = 0, ${rows} * 20, toUInt64(500)) AS duration_us,
  0 AS unfinished, r % 900 = 899 AS error, if(error, 'Timeout', '') AS error_type, '' AS error_text,
  '' AS caller_service, '' AS caller_instance, '' AS caller_zone, '' AS caller_name, '' AS peer, '' AS peer_kind,
  'u-wide' AS uid, [] AS annotations,
  map('http.request.method', 'GET', 'shop.tenant', toString(r % 200), 'shop.step', toString(r % 40)) AS tags,
  map('url.path', concat('/op/', toString(r))) AS attrs, [] AS links,
  0 AS children, 1 AS flags, 1000 AS weight, 0 AS attempt, begin + 1000000 AS arrived, 1 AS keep, 0 AS "foreign"
FROM (SELECT intDiv(number, ${rows}) AS trace, number % ${rows} AS r, ${from_us} + trace * ${step_us} AS begin
      FROM numbers(${count} * ${rows}))
""")


@dataclass(frozen=True, slots=True)
class Data:
    """What was made: times in microseconds, ids as hex."""

    spans: int
    from_us: int
    to_us: int
    seconds: float
    """What making took, settling included."""
    looked_up: list[str]
    large: list[str]
    """One of each of :data:`LARGE` rows."""


def fill_wide(store: ClickHouse, *, mark: int, **values: int) -> None:
    """Add ``count`` traces of ``rows`` rows each, ``step_us`` apart from ``from_us`` on; ``mark`` tells sets apart."""
    with store.writer() as handle:
        handle.command(_WIDE.substitute(values, database=store.database, mark=mark * 1_000_000))


def made(store: ClickHouse, note: Path, spans: int, hours: int) -> Data:
    """Fill the store, or take what the note says that an earlier run left there."""
    migrate(store)
    if note.exists():
        return Data(**json.loads(note.read_text()))
    began = time.monotonic()
    now = time.time_ns() // 1_000 - 60_000_000
    since = now - hours * HOUR_US
    for mark, (rows, count) in enumerate([(30, LOOKED_UP), *((rows, 1) for rows in LARGE)]):
        begin, step = now - 20 * HOUR_US, 19 * HOUR_US // count
        fill_wide(store, mark=mark + 1, from_us=begin, step_us=step, rows=rows, count=count)
    while settle(store, now + 60_000_000, most=500):
        pass
    fill(store, traces=spans // ROWS_PER_TRACE, from_us=since, to_us=now, fleet=FLEET, parts=2)
    settle_filled(store, since, now, now + 60_000_000)
    wide = store.ask(
        "SELECT lower(hex(trace_id)), sum(spans) AS rows FROM $database.traces WHERE has(uids, 'u-wide')"
        " GROUP BY trace_id ORDER BY rows, trace_id".replace("$database", store.database)
    )
    found = [trace_id for trace_id, _ in wide]
    large = len(LARGE)
    data = Data(spans, since, now, round(time.monotonic() - began, 1), found[:-large], found[-large:])
    note.write_text(json.dumps(asdict(data)))
    return data
