SELECT
  toString(caller), toString(callee), toString(side),
  sum(e.calls), sum(e.errors), sum(e.rows), sum(e.duration_sum), max(e.duration_max),
  map(), [], max(e.last_seen), sum(e.cross_zone)
FROM $database.$table AS e
WHERE slot >= toDateTime({from_s:UInt64}, 'UTC') AND slot < toDateTime({to_s:UInt64}, 'UTC') AND $where
  AND bucket >= toDateTime(intDiv({from_s:UInt64}, 3600) * 3600, 'UTC') AND bucket < toDateTime({to_s:UInt64}, 'UTC')
GROUP BY caller, callee, side
ORDER BY caller, callee, side
LIMIT $limit
