SELECT lower(hex(trace_id)), groupUniqArrayIf($most)(s.id, $matched), uniqExactIf(s.id, $matched)
FROM $database.spans AS s
WHERE trace_id IN ($ids) AND start_us >= {from_us:UInt64} AND start_us < {to_us:UInt64}
GROUP BY trace_id
