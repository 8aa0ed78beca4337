-- A user's days, and how many of the traces only their rows can judge (`covering`). The newest are asked beside.
SELECT
  intDiv(start_us, 86400000000) * 86400000000 AS day_us,
  count(), countIf(errors > 0), min(settled.start_us), max(settled.start_us), countIf($covering)
FROM $database.settled
WHERE $where
GROUP BY day_us
ORDER BY day_us DESC
