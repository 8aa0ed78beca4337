-- The columns stand in the order of hopline.model.Row, and as they are stored: hopline_query.store.rows makes a row of
-- them. Each function here would cost a third of a millisecond before the first row is read.
SELECT
  trace_id, kind, service, name, start_us, span_id, id, parent_id, duration_us, unfinished,
  instance, host, zone, env, version, error, error_type, error_text,
  caller_service, caller_instance, caller_zone, caller_name, peer, peer_kind, uid,
  annotations, tags, attrs, links, children, flags, weight, attempt, arrived
FROM $database.spans
WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
  AND start_us BETWEEN {low:UInt64} AND {high:UInt64}
  AND intDiv(start_us, 3600000000) BETWEEN intDiv({low:UInt64}, 3600000000) AND intDiv({high:UInt64}, 3600000000)
ORDER BY start_us, spans.id, spans.kind, unfinished
LIMIT {limit:UInt64} BY trace_id
