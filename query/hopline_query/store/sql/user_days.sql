SELECT intDiv(start, 86400000000) * 86400000000 AS day_us, count() AS traces, countIf(failed) AS errors
FROM (
  SELECT trace_id, min(t.start_us) AS start, sum(t.errors) > 0 AS failed, max(t.load_test) AS loaded, max(t.env) AS place
  FROM $database.traces AS t
  WHERE trace_id IN (
      SELECT trace_id FROM $database.traces_by_uid
      WHERE uid = {uid:String} AND start_us BETWEEN {low:UInt64} AND {high:UInt64})
    AND t.start_us BETWEEN {low:UInt64} AND {high:UInt64}
  GROUP BY trace_id
)
WHERE start >= {from_us:UInt64} AND start < {to_us:UInt64}
  AND (loaded OR {load_test:String} != 'only') AND (NOT loaded OR {load_test:String} != '')
  AND ({env:String} = '' OR place = {env:String})
GROUP BY day_us
ORDER BY day_us DESC
LIMIT 1000
