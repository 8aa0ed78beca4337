SELECT DISTINCT lower(hex(trace_id)) AS trace, id, toString(kind) AS kind
FROM $database.links_to
WHERE to_trace_id = toFixedString(unhex({trace_id:String}), 16)
ORDER BY trace, id
LIMIT 1000
