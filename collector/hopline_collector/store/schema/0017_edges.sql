-- Two kinds of edges that other tracers' maps have. A message is told by its producer and its
-- consumer as it passes, often without a duration: such a row of another tracer counts as a
-- call whose time is not known. And a client whose parent is the client of another service
-- was called by it: the server between them does not report. `callee` = 2 marks its side.

ALTER TABLE ${database}.edges_1m_view ${on_cluster} MODIFY QUERY
SELECT
  toDateTime(intDiv(start_us, 60000000) * 60, 'UTC') AS slot,
  multiIf(
    kind IN ('client', 'producer'), service,
    kind = 'consumer' AND peer != '', concat('mq:', peer),
    caller_service != '', caller_service,
    kind = 'server' AND parent_id = 0, 'USER',
    '') AS caller,
  multiIf(
    kind IN ('server', 'consumer'), service,
    peer = '', '',
    kind = 'producer', concat('mq:', peer),
    peer_kind IN ('db', 'mq', 'cache', 'external'), concat(peer_kind, ':', peer),
    peer) AS callee,
  kind AS side, env, bitAnd(flags, 4) != 0 AS load_test,
  sum(weight) AS calls, sum(error * weight) AS errors, count() AS rows,
  sum(duration_us * weight) AS duration_sum, max(duration_us) AS duration_max,
  sumIf(weight, caller_zone != '' AND zone != '' AND caller_zone != zone) AS cross_zone,
  max(start_us) AS last_seen,
  sumMapIf(map(toUInt16(floor(log(greatest(duration_us, 1)) / log(1.04))), weight), NOT unfinished) AS hist
FROM ${database}.ingest
WHERE (NOT unfinished OR ("foreign" AND kind IN ('producer', 'consumer')))
  AND kind != 'local' AND caller != '' AND callee != ''
  AND NOT (kind = 'client' AND if("foreign", peer_kind NOT IN ('db', 'mq', 'cache'), peer_kind = ''))
  AND NOT ("foreign" AND kind = 'server' AND (parent_id != 0 OR mapContains(attrs, 'zipkin.shared')))
GROUP BY slot, caller, callee, side, env, load_test;

-- `role` is what a row leaves of itself, `place` where: 0 in its own bucket, 1 in the one before, 2 after.
ALTER TABLE ${database}.call_sides_view ${on_cluster} MODIFY QUERY
SELECT
  toDateTime(multiIf(place = 1, bucket_s - 60, place = 2, bucket_s + 60, bucket_s), 'UTC') AS bucket,
  trace_id, if(role = 2 OR (role = 1 AND NOT shared), parent_id, id) AS call, role AS callee, place = 0 AS own,
  shared, kind, service, zone,
  multiIf(role = 1, caller_service, role = 2 OR kind != 'client' OR peer = '', '', peer_kind = 'external', concat('external:', peer), peer) AS told,
  env, load_test, start_us, duration_us, unfinished, error, weight
FROM (
  SELECT
    trace_id, id, parent_id, kind, service, zone, env, peer, peer_kind, caller_service,
    start_us, duration_us, unfinished, error, weight,
    bitAnd(flags, 4) != 0 AS load_test,
    "foreign" AND kind = 'server' AND mapContains(attrs, 'zipkin.shared') AS shared,
    if("foreign", kind != 'client' OR peer_kind NOT IN ('db', 'mq', 'cache'), kind = 'client') AS calls,
    kind = 'server' AND (shared OR parent_id != 0) AS called,
    "foreign" AND kind = 'client' AND parent_id != 0 AS below,
    intDiv(start_us, 60000000) * 60 AS bucket_s,
    intDiv(start_us, 1000000) - bucket_s AS second,
    arrayJoin(multiIf(
      calls AND called, [0, 1], calls AND below, [0, 2], called, [1], below, [2], calls, [0], [])) AS role,
    arrayJoin(multiIf(second < 6 AND bucket_s > 0, [0, 1], second >= 54, [0, 2], [0])) AS place
  FROM ${database}.ingest
  WHERE ("foreign" AND kind IN ('client', 'server', 'local'))
    OR (kind = 'client' AND peer_kind = '')
    OR (kind = 'server' AND parent_id != 0 AND caller_service = '')
);

CREATE OR REPLACE VIEW ${database}.call_pairs ${on_cluster} AS
SELECT
  bucket, toDateTime(intDiv(side_row.start_us, 60000000) * 60, 'UTC') AS slot,
  multiIf(NOT side_row.callee, side_row.service, chosen.1 != '', chosen.1, side_row.told) AS caller,
  multiIf(
    side_row.callee, side_row.service,
    called != '', called,
    arrayFirst(name -> name != side_row.service, below) AS beyond != '', beyond,
    side_row.told) AS callee,
  if(side_row.callee, 'server', 'client') AS side, side_row.env AS env, side_row.load_test AS load_test,
  side_row.weight AS calls, side_row.error * side_row.weight AS errors, toUInt64(1) AS rows,
  side_row.duration_us * side_row.weight AS duration_sum, side_row.duration_us AS duration_max,
  if(side_row.callee AND chosen.2 != '' AND side_row.zone != '' AND chosen.2 != side_row.zone, side_row.weight, 0) AS cross_zone,
  side_row.start_us AS last_seen,
  map(toUInt16(floor(log(greatest(side_row.duration_us, 1)) / log(1.04))), side_row.weight) AS hist
FROM (
  SELECT
    bucket, side_row, below,
    if(side_row.shared, clients, if(notEmpty(servers), servers, callers))[1] AS chosen,
    if(notEmpty(servers), shared_callees, callees)[1] AS called
  FROM (
    SELECT
      bucket,
      arraySort(groupArrayIf((service, zone), NOT callee)) AS callers,
      arraySort(groupArrayIf((service, zone), NOT callee AND kind = 'client')) AS clients,
      arraySort(groupArrayIf((service, zone), NOT callee AND kind = 'server')) AS servers,
      arraySort(groupArrayIf(service, call_sides.callee = 1)) AS callees,
      arraySort(groupArrayIf(service, call_sides.callee = 1 AND shared)) AS shared_callees,
      arraySort(groupArrayIf(service, call_sides.callee = 2)) AS below,
      groupArrayIf(
        tuple(callee, shared, service, zone, told, env, load_test, start_us, duration_us, error, weight)::
          Tuple(callee UInt8, shared UInt8, service String, zone String, told String, env String, load_test UInt8,
                start_us UInt64, duration_us UInt64, error UInt8, weight UInt64),
        own AND NOT unfinished AND (callee = 1 OR (callee = 0 AND kind = 'client'))) AS counted
    FROM ${database}.call_sides GROUP BY bucket, trace_id, call
  ) ARRAY JOIN counted AS side_row
)
WHERE caller != '' AND callee != '';
