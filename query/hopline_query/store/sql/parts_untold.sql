SELECT DISTINCT lower(hex(trace_id)) $calls AND NOT told LIMIT $most
