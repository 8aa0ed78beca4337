-- Moving traces: where they lie, how many there are, and how many of them have no settled row yet.
SELECT
  min(start_us), max(end_us), count(),
  countIf(trace_id NOT IN (SELECT trace_id FROM $database.settled WHERE trace_id IN ($ids)))
FROM (
  SELECT trace_id, min(t.start_us) AS start_us, max(t.end_us) AS end_us
  FROM $database.traces AS t WHERE trace_id IN ($ids) GROUP BY trace_id)
