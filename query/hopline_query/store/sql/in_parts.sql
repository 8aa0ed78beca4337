-- Spans that came in parts and meet every condition, each by any of their rows in the range. Parts are rows of one
-- (trace, id, kind, service, instance) of which one at least lacks the duration; what starts an hour after all before it
-- ended is another span (hopline_query.tree.copies).
SELECT $found FROM (
  SELECT trace_id, id, kind, service, instance, unfinished, $columns,
    sum(apart) OVER (PARTITION BY $span ORDER BY start_us) AS use
  FROM (
    SELECT trace_id, id, kind, service, instance, unfinished, start_us, $met,
      start_us > 3600000000 + max(start_us + duration_us) OVER (
        PARTITION BY $span ORDER BY start_us ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
      ) AS apart
    FROM $home.spans
    WHERE start_us >= {from_us:UInt64} AND start_us < {to_us:UInt64} AND $of_service AND id != 0 AND $among))
GROUP BY $span, use
HAVING max(unfinished) AND $every
