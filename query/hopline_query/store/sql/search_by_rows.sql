-- Where only rows tell which traces match, they are looked for once: the page's keys, each with the number of all
-- matches. What stood on the pages before comes last, so that the number is told on an empty page too.
SELECT lower(hex(trace_id)), version, start_us, duration_us, following, total
FROM (
  SELECT trace_id, version, start_us, duration_us, errors, spans, $following AS following, count() OVER () AS total
  FROM $database.settled
  WHERE $where)
ORDER BY following DESC, $order
LIMIT $limit
