SELECT toString(service), toString(instance), max(r.at_us), argMax(recorded, r.at_us), argMax(sent, r.at_us),
  argMax(dropped, r.at_us), argMax(depth, r.at_us)
FROM $database.reports AS r
WHERE arrived >= {since_us:UInt64}
  AND toDate(toDateTime(intDiv(arrived, 1000000), 'UTC')) >= toDate(toDateTime(intDiv({since_us:UInt64}, 1000000), 'UTC'))
GROUP BY service, instance
ORDER BY service, instance
LIMIT 10000
