SELECT DISTINCT lower(hex(trace_id))
FROM $database.settled_calls
WHERE settled = {version:UInt64} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
  AND start_us BETWEEN {low:UInt64} AND {high:UInt64}
  AND intDiv(start_us, 3600000000) BETWEEN intDiv({low:UInt64}, 3600000000) AND intDiv({high:UInt64}, 3600000000)
