-- Buckets of arrivals that hold other rows than were settled.
SELECT bucket, sum(b.rows) AS rows FROM $database.arrival_buckets AS b GROUP BY bucket
HAVING (bucket, rows) NOT IN (SELECT bucket, rows FROM $database.settled_buckets)
