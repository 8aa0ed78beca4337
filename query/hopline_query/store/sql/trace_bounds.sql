-- What the store knows of a trace beside its rows. No day bounds the look: an id leads the key of each of these tables,
-- and ids that tell their time rule out the parts of other days.
SELECT
  'summary' AS source, min(t.start_us) AS first_us, max(t.end_us) AS last_us, sum(t.spans) AS stored, max(t.arrived) AS newest,
  []::Array(Tuple(FixedString(16), UInt64, String)) AS linked
FROM $database.traces AS t
WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
UNION ALL
SELECT 'archive', min(a.start_us), max(a.start_us + a.duration_us), count(), max(a.arrived), []
FROM $database.archive AS a
WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
UNION ALL
SELECT 'closed', 0, 0, count(), 0, []
FROM $database.closed_traces
WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
UNION ALL
-- Rows of other traces that link to this one.
SELECT 'links', 0, 0, count(), 0, groupUniqArray(1000)((trace_id, id, toString(kind)))
FROM $database.links_to
WHERE to_trace_id = toFixedString(unhex({trace_id:String}), 16)
