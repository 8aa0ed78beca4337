SELECT
  intDiv(start_us, 86400000000) * 86400000000 AS day_us,
  count() AS traces, countIf(errors > 0) AS failed, min(settled.start_us), max(settled.start_us)
FROM $database.settled
WHERE $where
GROUP BY day_us
ORDER BY day_us DESC
LIMIT 1000
