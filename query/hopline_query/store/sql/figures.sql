SELECT
  $keys,
  intDiv(toUnixTimestamp(slot), $step) * $step AS slot_s,
  sum(s.calls) AS calls,
  sum(s.errors) AS errors,
  sum(s.rows) AS rows,
  sum(s.duration_sum) AS duration_sum,
  max(s.duration_max) AS duration_max,
  $hist AS hist,
  $places AS places,
  min(toUnixTimestamp($first)) AS first_s,
  max(toUnixTimestamp($last)) AS last_s$more
FROM $database.$table AS s
WHERE slot >= toDateTime({from_s:UInt64}, 'UTC') AND slot < toDateTime({to_s:UInt64}, 'UTC') AND $where
GROUP BY ALL
ORDER BY ALL
LIMIT $limit
