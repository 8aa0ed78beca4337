SELECT toString(callee), toString(side), sum(e.calls), sum(e.errors), sum(e.rows)
FROM $database.$table AS e
WHERE slot >= toDateTime({from_s:UInt64}, 'UTC') AND slot < toDateTime({to_s:UInt64}, 'UTC') AND $where
  -- Sides of calls are paired by buckets: only those in range.
  AND bucket >= toDateTime(intDiv({from_s:UInt64}, 3600) * 3600, 'UTC') AND bucket < toDateTime({to_s:UInt64}, 'UTC')
GROUP BY callee, side
ORDER BY ALL
LIMIT $limit
