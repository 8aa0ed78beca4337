
UNION ALL
SELECT 1, lower(hex(trace_id)), start_us, last_us FROM (
  SELECT trace_id, start_us, last_us FROM $database.settled WHERE $untold LIMIT $straddlers)
