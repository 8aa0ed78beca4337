-- Follows the columns of trace_rows.sql.
FROM $database.archive
WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
ORDER BY start_us, archive.id, archive.kind, unfinished
LIMIT {limit:UInt64}
