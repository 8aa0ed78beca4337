-- A user's days and the keys of the newest traces of each, in one look. `covering`: traces that only their rows can judge.
SELECT
  intDiv(start_us, 86400000000) * 86400000000 AS day_us,
  count(), countIf(errors > 0), min(settled.start_us), max(settled.start_us), countIf($covering),
  groupArraySorted($limit)(
    (-toInt64(settled.start_us), bitNot(reinterpretAsUInt128(reverse(trace_id))), version, settled.start_us, duration_us))
FROM $database.settled
WHERE $where
GROUP BY day_us
ORDER BY day_us DESC
