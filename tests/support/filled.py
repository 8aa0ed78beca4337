"""A store filled by SQL: many traces of a made-up fleet, quickly and the same each time.

30 services with 390 operations in six groups of five; a trace has ten rows over six
calls: ``0``, ``0.1``, ``0.2``, ``0.2.1``, ``0.3`` and a database call ``0.3.1``.
"""

from collections.abc import Iterator
from string import Template

from hopline_collector.store.clickhouse import ClickHouse
from hopline_query.store.settled_rows import WRITTEN

ROWS_PER_TRACE = 10
HOUR_US = 3_600_000_000

_ROWS = Template("""
INSERT INTO ${database}.ingest
SELECT
  unhex(concat(leftPad(hex(toUInt32(intDiv(begin, 1000000))), 8, '0'),
               leftPad(hex(sipHash64(t, 'a')), 16, '0'), leftPad(hex(toUInt32(t)), 8, '0'))) AS trace_id,
  ['0','0.1','0.1','0.2','0.2','0.2.1','0.2.1','0.3','0.3','0.3.1'][r + 1] AS span_id,
  sipHash64(t, r) AS id,
  if(r = 0, 0, sipHash64(t, [0,0,1,0,3,4,5,0,7,8][r + 1])) AS parent_id,
  ['server','client','server','client','server','client','server','client','server','client'][r + 1] AS kind,
  concat('svc-', toString(place)) AS service,
  concat(['GET','POST'][1 + t % 2], ' /op-', toString(intDiv(t, 6) % 13)) AS name,
  concat('host-', toString(place), ':', toString(8000 + t % 2)) AS instance,
  concat('host-', toString(place)) AS host,
  ['east','west'][1 + place % 2] AS zone,
  'bench' AS env,
  '1.0' AS version,
  begin + [0,1,2,20,21,22,23,60,61,62][r + 1] * 1000 AS start_us,
  toUInt64([100,15,12,35,33,9,6,30,28,4][r + 1] * 1000 * (1 + pow(cityHash64(t, r) % 1000 / 1000, 8) * 20))
    AS duration_us,
  0 AS unfinished,
  (r IN (5, 6)) AND cityHash64(t) % 50 = 0 AS error,
  if(error, 'Timeout', '') AS error_type,
  if(error, 'no answer', '') AS error_text,
  if(kind = 'server' AND r > 0, concat('svc-', toString(above)), '') AS caller_service,
  '' AS caller_instance,
  if(caller_service = '', '', ['east','west'][1 + above % 2]) AS caller_zone,
  if(caller_service = '', '', name) AS caller_name,
  multiIf(r = 9, 'shop', kind = 'client', concat('svc-', toString(below)), '') AS peer,
  multiIf(r = 9, 'db', kind = 'client', 'service', '') AS peer_kind,
  concat('u-', toString(cityHash64(t) % 20000)) AS uid,
  if(r = 6, [(begin + 24000, 'cache', 'miss')], []) AS annotations,
  map('http.request.method', ['GET','POST'][1 + t % 2], 'http.response.status_code', if(error, '504', '200'),
      'shop.tenant', toString(t % 200)) AS tags,
  map('url.path', concat('/op/', toString(t))) AS attrs,
  [] AS links,
  [3,0,0,0,1,0,0,0,1,0][r + 1] AS children,
  1 AS flags, 1000 AS weight, 0 AS attempt,
  begin + 1000000 AS arrived, 1 AS keep, 0 AS "foreign"
FROM (
  SELECT toUInt64(${first} + intDiv(number, ${width})) AS t, toUInt8(${row} + number % ${width}) AS r,
         ${from_us} + t * ${step_us} AS begin, ${fleet} AS places,
         places[[1,1,2,1,3,3,4,1,5,5][r + 1]] AS place,
         places[[1,1,1,1,1,1,3,1,1,1][r + 1]] AS above, places[[1,2,1,3,1,4,1,5,1,1][r + 1]] AS below
  FROM numbers(${count} * ${width})
)
""")

GROUPS = "arrayMap(n -> (t % 6) * 5 + n, range(5))"
"""The five services of trace ``t``: numbers, the first is the root's."""


def fill(
    store: ClickHouse,
    *,
    traces: int,
    from_us: int,
    to_us: int,
    block: int = 200_000,
    fleet: str = GROUPS,
    parts: int = 1,
) -> None:
    """Add `traces` traces that begin evenly between two times (microseconds); the schema must be there.

    ``fleet`` is the SQL for the services of trace ``t``. The rows of a trace come in so many ``parts``, 1, 2 or 5,
    each in another block.
    """
    step = max(1, (to_us - from_us) // traces)
    width = ROWS_PER_TRACE // parts
    for first, row, count in _blocks(traces, max(1, block // width), width, parts):
        values = {"database": store.database, "from_us": from_us, "step_us": step, "fleet": fleet, "width": width}
        with store.writer() as handle:
            handle.command(_ROWS.substitute(values, first=first, row=row, count=count))


_SETTLED = Template("""
INSERT INTO ${database}.settled (${columns})
WITH
  groupArray(toString(service)) AS all,
  arraySort(arrayMap(name_ -> (-toInt64(countEqual(all, name_)), name_), arrayDistinct(all))) AS pairs,
  arrayDistinct(groupArray((
    multiIf(kind = 'client', toString(service), caller_service != '', toString(caller_service), 'USER'),
    multiIf(kind = 'server', toString(service), peer_kind = 'db', concat('db:', peer), toString(peer)),
    s.error))) AS ends
SELECT
  trace_id, ${version}, min(s.start_us), max(s.start_us), max(s.start_us + s.duration_us),
  argMin(s.duration_us, parent_id != 0), 10, 6, max(s.error), 0, 0, 0, 0, 0, 0, 1000, max(s.arrived),
  argMin(service, parent_id != 0), any(name) AS operation, '200',
  if(max(s.error), (anyIf(toString(service), s.error AND kind = 'server'), toString(operation), 'Timeout', 'no answer',
                    lower(leftPad(hex(anyIf(s.id, s.error AND kind = 'server')), 16, '0'))), ('', '', '', '', '')),
  arrayMap(pair -> pair.2, pairs), arrayMap(pair -> -pair.1, pairs),
  arrayMap(pair -> countEqual(groupArrayIf(toString(service), s.error), pair.2), pairs),
  arrayMap(name_ -> concat(name_, '\\0', operation), arraySort(arrayDistinct(all))),
  arrayMap(name_ -> concat(name_, '\\0', '1.0'), arraySort(arrayDistinct(all))),
  ['bench'], [any(uid)], arraySort(groupUniqArrayArray(kv)), 1,
  arraySort(arrayDistinct(arrayFlatten(arrayMap(end -> arrayMap(
    text -> if(end.3, [text, concat(text, '\\0e')], [text]),
    [concat(end.1, '\\0', end.2), concat(end.1, '\\0'), concat('\\0', end.2)]), ends)))), 1
FROM ${database}.spans AS s
WHERE intDiv(start_us, 3600000000) BETWEEN ${hour} AND ${hour} + 1
GROUP BY trace_id
HAVING intDiv(min(s.start_us), 3600000000) = ${hour} AND count() = 10
SETTINGS max_threads = 2
""")


def settle_filled(store: ClickHouse, from_us: int, to_us: int, version: int) -> None:
    """Settle what :func:`fill` made, by SQL, with the rows that the chore would write; all buckets are up to date then.

    Other traces that are there must have been settled before, and must not have ten rows.
    """
    values = {"database": store.database, "version": version, "columns": ", ".join(WRITTEN)}
    with store.writer() as handle:
        for hour in range(from_us // HOUR_US, to_us // HOUR_US + 1):
            handle.command(_SETTLED.substitute(values, hour=hour))
        handle.command(
            f"INSERT INTO {store.database}.settled_buckets"
            f" SELECT bucket, sum(a.rows) FROM {store.database}.arrival_buckets AS a GROUP BY bucket"
        )


def _blocks(traces: int, most: int, width: int, parts: int) -> Iterator[tuple[int, int, int]]:
    """``(first trace, first row of it, traces)``: all parts of so many traces before the next traces."""
    for first in range(0, traces, most):
        for part in range(parts):
            yield first, part * width, min(most, traces - first)
