-- Microseconds of each part and calls that have it: of all calls, and of those of each band of what they took. Of the
-- part without a name: what the calls took, and how many there are.
SELECT
  part, sum(us), countIf(first), sumIf(us, p50), countIf(first AND p50), sumIf(us, p95), countIf(first AND p95),
  sumIf(us, p99), countIf(first AND p99)
FROM (
  SELECT
    duration_us BETWEEN {low:UInt64} AND {high:UInt64} AS p50,
    duration_us >= {p95:UInt64} AND duration_us < {p99:UInt64} AS p95, duration_us >= {p99:UInt64} AS p99,
    arrayJoin(arrayZip(arrayPushFront(parts, ''), arrayPushFront(parts_us, duration_us),
                       arrayPushFront(arrayEnumerateUniq(parts), 1))) AS one,
    one.1 AS part, one.2 AS us, one.3 = 1 AS first
  $calls)
GROUP BY part
