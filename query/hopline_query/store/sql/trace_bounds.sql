SELECT
  'summary' AS source, min(t.start_us) AS first_us, max(t.end_us) AS last_us, sum(t.spans) AS stored, max(t.arrived) AS newest,
  []::Array(Tuple(String, String, String)) AS linked
FROM $database.traces AS t
WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
  AND t.start_us BETWEEN {low:UInt64} AND {high:UInt64}
UNION ALL
-- Pinned traces: by the primary key alone, because no retention bounds them in time.
SELECT 'archive', min(a.start_us), max(a.start_us + a.duration_us), count(), max(a.arrived), []
FROM $database.archive AS a
WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
UNION ALL
SELECT 'closed', min(c.at_us), max(c.at_us), count(), 0, []
FROM $database.closed_traces AS c
WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
UNION ALL
-- Rows of other traces that link to this one.
SELECT
  'links', 0, 0, count(), 0,
  arraySort(groupUniqArray(1000)((lower(hex(trace_id)), if(l.id = 0, '', lower(leftPad(hex(l.id), 16, '0'))), toString(kind))))
FROM $database.links_to AS l
WHERE to_trace_id = toFixedString(unhex({trace_id:String}), 16)
