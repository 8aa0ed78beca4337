SELECT
  toString(service), toString(instance), toString(version),
  toUnixTimestamp(min(i.first_seen)) * 1000000, toUnixTimestamp(max(i.last_seen)) * 1000000
FROM $database.instances AS i
WHERE day BETWEEN toDate({first_day:String}) AND toDate({last_day:String})
  AND ({service:String} = '' OR service = {service:String})
GROUP BY service, instance, version
LIMIT 10000
