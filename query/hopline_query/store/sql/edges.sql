-- Percentiles are read here, from the weights of buckets: to sum histograms takes twice as long, to move them longer still.
SELECT
  toString(caller), toString(callee), toString(side),
  sum(e.calls), sum(e.errors), sum(e.rows), sum(e.duration_sum), max(e.duration_max),
  sumMapIf(e.hist, $summed),
  if($summed, [], $places),
  max(e.last_seen), sum(e.cross_zone)
FROM $database.$table AS e
WHERE slot >= toDateTime({from_s:UInt64}, 'UTC') AND slot < toDateTime({to_s:UInt64}, 'UTC') AND $where
  -- Sides of calls are paired by buckets: only those in range.
  AND bucket >= toDateTime(intDiv({from_s:UInt64}, 3600) * 3600, 'UTC') AND bucket < toDateTime({to_s:UInt64}, 'UTC')
GROUP BY caller, callee, side
ORDER BY caller, callee, side
LIMIT $limit
