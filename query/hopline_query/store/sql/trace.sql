-- The rows of a native trace in the hour that its id tells and in the next, and its bounds: rows without an id
-- that hold the source as kind, and the facts of trace_bounds.sql in the columns of their types.
$columns
FROM $database.spans
WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
  AND intDiv(start_us, 3600000000) BETWEEN {hour:UInt64} AND {hour:UInt64} + 1
ORDER BY start_us, spans.id, spans.kind, unfinished
LIMIT {limit:UInt64}
UNION ALL
SELECT
  '', source, '', '', first_us, '', '', NULL, last_us, '', '', '', '', '', false, '', '', '', '', '', '', '', '', '',
  [], map(), map(), linked, stored, 0, 0, 0, newest
FROM ($bounds)
