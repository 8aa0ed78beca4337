-- The rows of a native trace in the hour that its id tells and in the next. One of them carries the facts of
-- trace_bounds.sql, which are read before the rows: these are at least those that the facts tell of.
$columns,
  if(rowNumberInAllBlocks() = 0,
     (SELECT toJSONString(groupArray(tuple(source, first_us, last_us, stored, newest, linked))) FROM ($bounds)), '')
FROM $database.spans
WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
  AND intDiv(start_us, 3600000000) BETWEEN {hour:UInt64} AND {hour:UInt64} + 1
ORDER BY start_us, spans.id, spans.kind, unfinished
LIMIT {limit:UInt64}
