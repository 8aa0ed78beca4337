SELECT
  lower(hex(trace_id)) AS id,
  sumMap(map(toString(service), toUInt64(1))) AS rows_by_service,
  sumMap(map(toString(service), toUInt64(error))) AS errors_by_service,
  groupUniqArrayIf($most)(s.id, $matched) AS matched,
  uniqExactIf(s.id, $matched) AS matched_total,
  max(bitAnd(flags, 2) != 0) AS debug,
  max(weight) AS weight,
  argMin(if(mapContains(tags, 'http.response.status_code'), tags['http.response.status_code'], tags['http.status_code']),
         (parent_id != 0, start_us)) AS status,
  uniqExact((s.id, s.kind)) - uniqExactIf((s.id, s.kind), NOT s.unfinished) AS still_open,
  argMaxIf(error_text, (length(splitByChar('.', span_id)), start_us), error AND error_text != '') AS error_text
FROM $database.spans AS s
WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin($ids)), 16))
  AND start_us BETWEEN {low:UInt64} AND {high:UInt64}
GROUP BY trace_id
