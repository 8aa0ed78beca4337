-- What the causes of these traces have in common, far ends by the names that they are shown by.
SELECT
  caller = '' ? toString(node) : transform(concat(node, '\0', address), $places, $names, toString(node)) AS who,
  toString(operation), toString(error_type), text, toString(c.caller),
  count(), sum(c.echoes), uniqExact(trace_id), sum(c.hurt), uniqExactIf(trace_id, c.recovered),
  groupUniqArrayArray(uids),
  sumMapIf(map(concat(entry_service, '\0', entry_name), toUInt64(1)), c.hurt),
  sumMapIf(map(toString(c.version), toUInt64(1)), c.version != ''),
  min(c.start_us), max((c.start_us, lower(hex(trace_id)))),
  sumMap(map(c.start_us < {slots_from:UInt64} ? 0 : least({slots:UInt64} - 1,
    intDiv((c.start_us - {slots_from:UInt64}) * {slots:UInt64}, {slots_width:UInt64})), toUInt64(1)))
FROM $database.settled_causes AS c
WHERE began_us >= {began:UInt64} AND intDiv(began_us, 3600000000) >= intDiv({began:UInt64}, 3600000000)
  AND (trace_id, settled) IN ($chosen)
GROUP BY who, operation, error_type, text, c.caller
