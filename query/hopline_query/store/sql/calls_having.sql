-- The newest traces with a chosen call that has the marks.
SELECT lower(hex(trace_id))
FROM ($calls)
WHERE chosen AND $held
GROUP BY trace_id
ORDER BY max(start_us) DESC
LIMIT {most:UInt64}
