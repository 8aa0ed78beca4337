-- Pinned traces of which rows start in the range and no summary is left.
SELECT lower(hex(trace_id))
FROM $database.archive AS a
WHERE a.start_us >= {from_us:UInt64} AND a.start_us < {to_us:UInt64}
  AND trace_id NOT IN (
    SELECT trace_id FROM $database.traces WHERE trace_id IN (
      SELECT trace_id FROM $database.archive AS b WHERE b.start_us >= {from_us:UInt64} AND b.start_us < {to_us:UInt64}))
GROUP BY trace_id
ORDER BY min(a.start_us) DESC
LIMIT {most:UInt64}
