-- Pinned traces that begin in the range and of which no summary is left.
SELECT lower(hex(trace_id))
FROM (
  SELECT trace_id, min(a.start_us) AS begun
  FROM $database.archive AS a
  WHERE a.start_us BETWEEN {low:UInt64} AND {high:UInt64}
  GROUP BY trace_id
)
WHERE begun >= {from_us:UInt64} AND begun < {to_us:UInt64}
  AND trace_id NOT IN (
    SELECT trace_id
    FROM $database.traces AS t
    WHERE t.start_us BETWEEN {low:UInt64} AND {high:UInt64}
      AND trace_id IN (SELECT trace_id FROM $database.archive AS b WHERE b.start_us BETWEEN {low:UInt64} AND {high:UInt64}))
ORDER BY begun DESC
LIMIT {most:UInt64}
