-- Causes of the settled traces that a search finds, in one round trip: how many traces, when the first began and which
-- services have rows in them (0); the far ends that told nothing of a call (1); the traces that only their rows tell of,
-- as they reach over an end of the range or their causes were not written (2).
SELECT 0 AS kind, count() AS traces, min(start_us) AS began, groupUniqArrayArray(services) AS texts
FROM $database.settled WHERE $inside AND $told
UNION ALL
SELECT 1, 0, 0, groupUniqArray(concat(node, '\0', address))
FROM $database.settled_causes WHERE caller != '' AND (trace_id, settled) IN ($chosen)
UNION ALL
SELECT 2, 0, 0, [lower(hex(trace_id))]
FROM (SELECT trace_id FROM $database.settled WHERE ($straddling) OR ($inside AND NOT $told) LIMIT $most)
