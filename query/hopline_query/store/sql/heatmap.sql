SELECT
  intDiv(start_us - {from_us:UInt64}, {step_us:UInt64}) AS column_,
  toUInt16(floor(log(greatest(duration_us, 1)) / log(1.04))) AS bucket,
  count() AS calls,
  sum(error) AS errors
FROM $database.spans_by_service
WHERE start_us >= {from_us:UInt64} AND start_us < {to_us:UInt64} AND NOT unfinished AND $where
GROUP BY column_, bucket
ORDER BY column_, bucket
LIMIT 100000
