-- Traces of these buckets that are quiet: no row came in the buckets whose time is not over.
SELECT lower(hex(trace_id)), min(t.start_us), max(t.end_us), sum(t.spans)
FROM $database.traces AS t
WHERE trace_id IN (
    SELECT trace_id FROM $database.arrivals WHERE intDiv(arrived, 10000000) IN {buckets:Array(UInt64)})
  AND trace_id NOT IN (
    SELECT trace_id FROM $database.arrivals WHERE intDiv(arrived, 10000000) >= {ended:UInt64})
GROUP BY trace_id
