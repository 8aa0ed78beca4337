SELECT
  -- At most 240 columns: two small keys are grouped fastest.
  toUInt8(intDiv(start_us - {from_us:UInt64}, {step_us:UInt64})) AS column_,
  duration_bucket AS bucket,
  count() AS calls,
  sum(error) AS errors
FROM $database.spans_by_service
WHERE start_us >= {from_us:UInt64} AND start_us < {to_us:UInt64} AND NOT unfinished AND $where
GROUP BY column_, bucket
ORDER BY column_, bucket
LIMIT 100000
