SELECT lower(hex(trace_id)) AS id, $passed, $value AS value, count() OVER () AS total
FROM (
  SELECT trace_id, $columns
  FROM $database.traces AS t
  WHERE t.start_us BETWEEN {low:UInt64} AND {high:UInt64} $members
  GROUP BY trace_id
)
WHERE start_us >= {from_us:UInt64} AND start_us < {to_us:UInt64} $whole
