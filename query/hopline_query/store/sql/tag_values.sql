SELECT text, sum(rows) AS total
FROM (
  SELECT value_slot, max(t.value) AS text, sum(t.rows) AS rows
  FROM $database.tag_values AS t
  WHERE day BETWEEN toDate({first_day:String}) AND toDate({last_day:String}) AND key = {key:String}
  GROUP BY value_slot
)
WHERE startsWith(text, {prefix:String})
GROUP BY text
ORDER BY total DESC, text
LIMIT {limit:UInt64}
