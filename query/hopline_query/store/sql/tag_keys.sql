SELECT toString(key) AS name, sum(t.rows) AS rows
FROM $database.tag_values AS t
WHERE day BETWEEN toDate({first_day:String}) AND toDate({last_day:String})
  AND startsWith(key, {prefix:String}) AND {key:String} = ''
GROUP BY name
ORDER BY rows DESC, name
LIMIT {limit:UInt64}
