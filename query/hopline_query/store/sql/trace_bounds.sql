SELECT count(), min(start_us), max(end_us)
FROM $database.traces
WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
  AND start_us BETWEEN {low:UInt64} AND {high:UInt64}
