SELECT table, sum(rows), sum(bytes_on_disk), count()
FROM system.parts
WHERE database = {database:String} AND active
GROUP BY table
ORDER BY table
