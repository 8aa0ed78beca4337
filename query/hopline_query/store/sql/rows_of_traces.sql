-- Follows the columns of trace_rows.sql: all rows of these traces, wherever they lie in time.
FROM $database.spans
WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
  AND start_us BETWEEN (
    SELECT min(t.start_us) FROM $database.traces AS t
    WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))) AND (
    SELECT max(t.end_us) FROM $database.traces AS t
    WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16)))
  AND intDiv(start_us, 3600000000) BETWEEN (
    SELECT intDiv(min(t.start_us), 3600000000) FROM $database.traces AS t
    WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))) AND (
    SELECT intDiv(max(t.end_us), 3600000000) FROM $database.traces AS t
    WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16)))
ORDER BY start_us, spans.id, spans.kind, unfinished
LIMIT {limit:UInt64} BY trace_id
LIMIT {most:UInt64}
