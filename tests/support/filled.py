"""A store filled by SQL: many traces of a made-up fleet, quickly and the same each time.

30 services with 390 operations in six groups of five; a trace has ten rows over six
calls: ``0``, ``0.1``, ``0.2``, ``0.2.1``, ``0.3`` and a database call ``0.3.1``.
"""

from string import Template

from hopline_collector.store.clickhouse import ClickHouse

ROWS_PER_TRACE = 10

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
  SELECT intDiv(number, 10) AS t, number % 10 AS r, ${from_us} + t * ${step_us} AS begin,
         (t % 6) * 5 AS group, group + [0,0,1,0,2,2,3,0,4,4][r + 1] AS place,
         group + [0,0,0,0,0,0,2,0,0,0][r + 1] AS above, group + [0,1,0,2,0,3,0,4,0,0][r + 1] AS below
  FROM numbers(${first}, ${count})
)
""")


def fill(store: ClickHouse, *, traces: int, from_us: int, to_us: int, block: int = 200_000) -> None:
    """Add `traces` traces that begin evenly between two times (microseconds); the schema must be there."""
    step = max(1, (to_us - from_us) // traces)
    rows = traces * ROWS_PER_TRACE
    for first in range(0, rows, block):
        values = {"database": store.database, "from_us": from_us, "step_us": step}
        statement = _ROWS.substitute(values, first=first, count=min(block, rows - first))
        with store.writer() as handle:
            handle.command(statement)
