SELECT id, value, total, start_us, end_us
FROM (
  SELECT lower(hex(trace_id)) AS id, toUInt64($value) AS value, count() OVER () AS total, start_us, end_us
  FROM (
    SELECT
      trace_id,
      min(t.start_us) AS start_us,
      max(t.end_us) AS end_us,
      if(min(t.root.1) = 0, min(t.root).5, max(t.end_us) - min(t.start_us)) AS duration_us,
      sum(t.spans) AS spans,
      sum(t.errors) AS errors,
      sum(t.unfinished) AS unfinished,
      max(t.load_test) AS load_test,
      [max(t.env)] AS envs,
      groupUniqArrayArray(t.uids) AS uids
    FROM $database.traces AS t
    WHERE trace_id IN ($moving)
      $members
    GROUP BY trace_id
  )
  WHERE 1 $whole
)$after
ORDER BY $order
LIMIT {limit:UInt64}
