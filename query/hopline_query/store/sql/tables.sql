SELECT table, sum(rows), sum(bytes_on_disk), count()
FROM $parts
WHERE database = '$home' AND active
GROUP BY table
ORDER BY table
