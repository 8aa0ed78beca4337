SELECT min(t.start_us), max(t.end_us), sum(t.spans), max(t.arrived)
FROM $database.traces AS t
WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
  AND t.start_us BETWEEN {low:UInt64} AND {high:UInt64}
