-- Of these keys those that are tags, and neither attrs of a row nor keys of an annotation. Which of the latter there are is
-- known of keys that look like names.
SELECT DISTINCT toString(key)
FROM $database.tag_values
WHERE day BETWEEN toDate({first_day:String}) AND toDate({last_day:String}) AND key IN {keys:Array(String)}
  AND length(key) <= 128 AND NOT match(key, '[^\\w.:/-]')
  AND key NOT IN (
    SELECT key FROM $database.attr_keys
    WHERE day BETWEEN toDate({first_day:String}) AND toDate({last_day:String}) AND key IN {keys:Array(String)})
