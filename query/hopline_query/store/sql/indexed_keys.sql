-- Of these keys those that are tags, and attrs of no row.
SELECT DISTINCT toString(key)
FROM $database.tag_values
WHERE day BETWEEN toDate({first_day:String}) AND toDate({last_day:String}) AND key IN {keys:Array(String)}
  AND key NOT IN (
    SELECT key FROM $database.attr_keys
    WHERE day BETWEEN toDate({first_day:String}) AND toDate({last_day:String}) AND key IN {keys:Array(String)})
