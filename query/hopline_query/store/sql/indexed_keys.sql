SELECT DISTINCT toString(key)
FROM $database.tag_values
WHERE day BETWEEN toDate({first_day:String}) AND toDate({last_day:String}) AND key IN {keys:Array(String)}
