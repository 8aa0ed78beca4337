SELECT DISTINCT toString(env) AS name
FROM $database.operations
WHERE day BETWEEN toDate({first_day:String}) AND toDate({last_day:String}) AND env != ''
ORDER BY name
LIMIT 1000
