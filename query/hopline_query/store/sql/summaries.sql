SELECT
  lower(hex(trace_id)) AS id,
  min(t.start_us) AS start_us,
  max(t.end_us) AS end_us,
  max(t.arrived) AS arrived,
  sum(t.spans) AS spans,
  sum(t.errors) AS errors,
  sum(t.unfinished) AS unfinished,
  max(t.load_test) AS load_test,
  max(t.env) AS env,
  groupUniqArrayArray(t.services) AS services,
  groupUniqArrayArray(t.uids) AS uids,
  min(t.root) AS root,
  max(t.failure) AS failure
FROM $database.traces AS t
WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
  AND t.start_us BETWEEN {low:UInt64} AND {high:UInt64}
GROUP BY trace_id
