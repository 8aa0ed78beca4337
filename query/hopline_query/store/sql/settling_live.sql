SELECT lower(hex(trace_id)), version, start_us, errors > 0
FROM $database.settled
WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
  AND start_us BETWEEN {low:UInt64} AND {high:UInt64}
  AND intDiv(start_us, 3600000000) BETWEEN intDiv({low:UInt64}, 3600000000) AND intDiv({high:UInt64}, 3600000000)
  AND (trace_id, version) NOT IN (
    SELECT trace_id, version
    FROM $database.settled_stale
    WHERE start_us BETWEEN {low:UInt64} AND {high:UInt64}
      AND intDiv(start_us, 3600000000) BETWEEN intDiv({low:UInt64}, 3600000000) AND intDiv({high:UInt64}, 3600000000))
