SELECT
  lower(hex(trace_id)) AS of_trace, span_id, id, parent_id, kind, service, name, instance, host, zone, env, version,
  start_us, duration_us, unfinished, error, error_type, error_text,
  caller_service, caller_instance, caller_zone, caller_name, peer, peer_kind, uid,
  annotations, tags, attrs,
  arrayMap(link -> (lower(hex(link.1)), link.2, link.3), links) AS linked,
  children, flags, weight, attempt, arrived
FROM $database.spans
WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
  AND start_us BETWEEN {low:UInt64} AND {high:UInt64}
  AND intDiv(start_us, 3600000000) BETWEEN intDiv({low:UInt64}, 3600000000) AND intDiv({high:UInt64}, 3600000000)
ORDER BY start_us, id
LIMIT {limit:UInt64} BY trace_id
