-- Follows the columns of trace_rows.sql.
FROM $database.archive
WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
ORDER BY start_us, archive.id, archive.kind, unfinished
LIMIT {limit:UInt64} BY trace_id
