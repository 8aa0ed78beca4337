-- The first and the last start and the count are known of each part; the last row of all is looked for among those that
-- start no earlier than the last trace, by their index.
SELECT
  min(start_us),
  (SELECT max(last_us) FROM $database.settled WHERE last_us >= (SELECT max(start_us) FROM $database.settled)),
  count(),
  (SELECT count() FROM $database.settled_stale)
FROM $database.settled
