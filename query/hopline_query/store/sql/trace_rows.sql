-- The columns stand in the order of hopline.model.Row, so that a stored row is a row as it comes.
SELECT
  lower(hex(trace_id)),
  toString(kind), toString(service), toString(name),
  start_us,
  span_id,
  if(id = 0, '', lower(leftPad(hex(id), 16, '0'))),
  if(parent_id = 0, NULL, lower(leftPad(hex(parent_id), 16, '0'))),
  if(unfinished, NULL, duration_us),
  toString(instance), toString(host), toString(zone), toString(env), toString(version),
  toBool(error), toString(error_type), error_text,
  toString(caller_service), toString(caller_instance), toString(caller_zone), toString(caller_name),
  toString(peer), toString(peer_kind), uid,
  arrayMap(note -> tuple(note.1, note.2, note.3), annotations),
  tags, attrs,
  arrayMap(link -> tuple(lower(hex(link.1)), lower(leftPad(hex(link.2), 16, '0')), link.3), links),
  children, flags, weight, attempt, arrived
FROM $database.spans
WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
  AND start_us BETWEEN {low:UInt64} AND {high:UInt64}
  AND intDiv(start_us, 3600000000) BETWEEN intDiv({low:UInt64}, 3600000000) AND intDiv({high:UInt64}, 3600000000)
ORDER BY start_us, spans.id, spans.kind, unfinished
LIMIT {limit:UInt64} BY trace_id
