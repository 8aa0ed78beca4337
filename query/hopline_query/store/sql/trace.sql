-- Follows the columns of trace_rows.sql: the rows of a native trace in the hour that its id tells and in the next.
FROM $database.spans
WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
  AND intDiv(start_us, 3600000000) BETWEEN {hour:UInt64} AND {hour:UInt64} + 1
ORDER BY start_us, spans.id, spans.kind, unfinished
LIMIT {limit:UInt64}
