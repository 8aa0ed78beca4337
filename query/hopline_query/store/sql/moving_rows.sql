FROM $database.arrivals AS a
WHERE intDiv(arrived, 10000000) IN (
    SELECT bucket FROM (
      SELECT bucket, sum(b.rows) AS rows FROM $database.arrival_buckets AS b GROUP BY bucket
      HAVING (bucket, rows) NOT IN (SELECT bucket, rows FROM $database.settled_buckets)))
  OR (intDiv(arrived, 10000000) >= intDiv({moved_after:UInt64}, 10000000) AND arrived > {moved_after:UInt64})
