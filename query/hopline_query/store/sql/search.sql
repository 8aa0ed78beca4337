-- Three answers in one round trip: the page (0), how many match (1), and the traces that
-- only their rows can judge (2), with the starts of their first and last rows.
SELECT 0 AS kind, '' AS id, toUInt64(0) AS low, toUInt64(0) AS high, body FROM (
  SELECT body FROM $database.settled WHERE $page ORDER BY $order LIMIT $limit)
UNION ALL
SELECT 1, '', count(), 0, '' FROM (SELECT 1 FROM $database.settled WHERE $inside LIMIT $counted)
UNION ALL
SELECT 2, lower(hex(trace_id)), start_us, last_us, '' FROM (
  SELECT trace_id, start_us, last_us FROM $database.settled WHERE $straddling LIMIT $straddlers)
$untold