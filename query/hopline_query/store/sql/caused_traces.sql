-- The newest traces with such a cause.
SELECT lower(hex(trace_id))
FROM $database.settled_causes
WHERE began_us >= {began:UInt64} AND intDiv(began_us, 3600000000) >= intDiv({began:UInt64}, 3600000000)
  AND (trace_id, settled) IN ($chosen) AND ($wanted)
GROUP BY trace_id
ORDER BY max(began_us) DESC, trace_id DESC
LIMIT {most:UInt32}
