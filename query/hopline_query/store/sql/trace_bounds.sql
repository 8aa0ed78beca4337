SELECT 'summary', min(t.start_us), max(t.end_us), sum(t.spans), max(t.arrived)
FROM $database.traces AS t
WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
  AND t.start_us BETWEEN {low:UInt64} AND {high:UInt64}
UNION ALL
-- Pinned traces: by the primary key alone, because no retention bounds them in time.
SELECT 'archive', min(a.start_us), max(a.start_us + a.duration_us), count(), max(a.arrived)
FROM $database.archive AS a
WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
UNION ALL
SELECT 'closed', min(c.at_us), max(c.at_us), count(), 0
FROM $database.closed_traces AS c
WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
