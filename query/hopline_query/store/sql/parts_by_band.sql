-- Microseconds of each part and calls that have it: of all calls, and of those of each band of what they took. Of the
-- part without a name: what the calls took, how many there are, and p50, p95 and p99 of what they and others would take.
SELECT
  part, quantilesExactIf(0.5, 0.95, 0.99)(after, part = ''),
  sum(us), countIf(first), sumIf(us, p50), countIf(first AND p50), sumIf(us, p95), countIf(first AND p95),
  sumIf(us, p99), countIf(first AND p99)
FROM (
  SELECT
    toFloat64($after) AS after, duration_us BETWEEN {low:UInt64} AND {high:UInt64} AS p50,
    duration_us >= {p95:UInt64} AND duration_us < {p99:UInt64} AS p95, duration_us >= {p99:UInt64} AS p99,
    arrayJoin(arrayZip(arrayPushFront(parts, ''), arrayPushFront(parts_us, duration_us),
                       arrayPushFront(arrayEnumerateUniq(parts), 1))) AS one,
    toString(one.1) AS part, one.2 AS us, one.3 = 1 AS first
  $calls
  UNION ALL
  SELECT arrayJoin($others), 0, 0, 0, ('', 0, 0), '', 0, 0)
GROUP BY part
