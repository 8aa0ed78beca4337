-- Two answers in one round trip: how many match (0), and the traces that only their rows can judge (1), with the starts
-- of their first and last rows. The page is asked beside (search_page.sql).
SELECT 0 AS kind, '' AS id, count() AS low, toUInt64(0) AS high FROM (
  SELECT 1 FROM $database.settled WHERE $inside LIMIT $counted)
UNION ALL
SELECT 1, lower(hex(trace_id)), start_us, last_us FROM (
  SELECT trace_id, start_us, last_us FROM $database.settled WHERE $straddling LIMIT $straddlers)
$untold