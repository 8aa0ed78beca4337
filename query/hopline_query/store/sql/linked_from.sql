SELECT DISTINCT lower(hex(trace_id)) AS trace, id, toString(kind) AS kind
FROM $database.links_to
WHERE to_trace_id = unhex({trace_id:String})
ORDER BY trace, id
LIMIT 1000
