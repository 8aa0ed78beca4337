-- Traces of which one span that came in parts meets every condition, each by any of its rows in the range. Parts are
-- rows of one (trace, id, kind, service, instance) of which one at least lacks the duration; what starts an hour after
-- all before it ended is another span (hopline_query.tree.copies). Most services have none: the narrow table tells.
SELECT trace_id FROM (
  SELECT trace_id, id, kind, instance, unfinished, $columns,
    sum(apart) OVER (PARTITION BY trace_id, id, kind, instance ORDER BY start_us) AS use
  FROM (
    SELECT trace_id, id, kind, instance, unfinished, start_us, $met,
      start_us > 3600000000 + max(start_us + duration_us) OVER (
        PARTITION BY trace_id, id, kind, instance ORDER BY start_us ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
      ) AS apart
    FROM $home.spans
    WHERE start_us >= {from_us:UInt64} AND start_us < {to_us:UInt64} AND service = $service AND id != 0
      AND (intDiv(start_us, 3600000000), trace_id) IN (
        SELECT arrayJoin(groupUniqArray(intDiv(start_us, 3600000000))), trace_id FROM $home.spans_by_service
        WHERE start_us >= {from_us:UInt64} AND start_us < {to_us:UInt64} AND service = $service
          AND id IN (
            SELECT id FROM $home.spans_by_service
            WHERE start_us >= {from_us:UInt64} AND start_us < {to_us:UInt64} AND service = $service AND unfinished)
        GROUP BY trace_id, id, kind HAVING count() > 1 AND max(unfinished))))
GROUP BY trace_id, id, kind, instance, use
HAVING max(unfinished) AND $every
