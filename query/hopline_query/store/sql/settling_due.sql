-- Buckets whose time is over and that hold other rows than were settled, the newest first.
SELECT bucket, sum(a.rows) AS rows
FROM $database.arrival_buckets AS a
WHERE bucket < {ended:UInt64}
GROUP BY bucket
HAVING (bucket, rows) NOT IN (SELECT bucket, rows FROM $database.settled_buckets)
ORDER BY bucket DESC
LIMIT {most:UInt32}
