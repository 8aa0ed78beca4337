SELECT DISTINCT $columns
FROM $database.$table
WHERE day BETWEEN toDate({first_day:String}) AND toDate({last_day:String})
  AND last_us >= {from_us:UInt64} AND first_us < {to_us:UInt64} AND $where
ORDER BY ALL
LIMIT $limit
