-- Where spans came in parts: most services have none, and the narrow table tells.
(intDiv(start_us, 3600000000), trace_id) IN (
  SELECT arrayJoin(groupUniqArray(intDiv(start_us, 3600000000))), trace_id FROM $home.spans_by_service
  WHERE start_us >= {from_us:UInt64} AND start_us < {to_us:UInt64} AND $of_service
    AND id IN (
      SELECT id FROM $home.spans_by_service
      WHERE start_us >= {from_us:UInt64} AND start_us < {to_us:UInt64} AND $of_service AND unfinished)
  GROUP BY trace_id, id, kind, service HAVING count() > 1 AND max(unfinished))
