SELECT 1 FROM $database.spans_by_service
WHERE service IN {services:Array(String)} AND start_us >= {from_us:UInt64} AND start_us < {to_us:UInt64}
  AND trace_id IN ($moving)
LIMIT 1
