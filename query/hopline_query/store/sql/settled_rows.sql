SELECT lower(hex(trace_id)), version, body
FROM $database.settled
WHERE intDiv(start_us, 3600000000) IN (SELECT intDiv(arrayJoin({starts:Array(UInt64)}), 3600000000))
  AND duration_us IN {durations:Array(UInt64)} AND start_us IN {starts:Array(UInt64)}
  AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
