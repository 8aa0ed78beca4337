
UNION ALL
SELECT 2, lower(hex(trace_id)), start_us, last_us, '' FROM (
  SELECT trace_id, start_us, last_us FROM $database.settled WHERE $untold LIMIT $straddlers)
