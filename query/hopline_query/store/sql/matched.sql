-- What a row must meet stands below the sums: shards would write their sets of calls into the names of these otherwise.
SELECT lower(hex(trace_id)), groupUniqArrayIf($most)(id, met), uniqExactIf(id, met)
FROM (
  SELECT trace_id, s.id AS id, ($matched) AS met
  FROM $database.spans AS s
  WHERE trace_id IN ($ids) AND start_us >= {from_us:UInt64} AND start_us < {to_us:UInt64})
GROUP BY trace_id
