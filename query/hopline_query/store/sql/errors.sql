SELECT
  toString(service), toString(name), toString(error_type), sum(e.calls) AS calls,
  min(e.first_seen), max(e.last_seen), lower(hex(max(e.newest).2)), max(e.newest).3
FROM $database.error_groups AS e
WHERE slot >= toDateTime({from_s:UInt64}, 'UTC') AND slot < toDateTime({to_s:UInt64}, 'UTC') AND $where
GROUP BY service, name, error_type
ORDER BY calls DESC, service, name, error_type
LIMIT $limit
