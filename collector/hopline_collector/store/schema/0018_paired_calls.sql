-- A message that another tracer reports twice, unfinished and later finished, is one call whichever comes first. So its
-- rows meet where sides of calls do, under their identity (`callee` = 3), and the map counts one of them; `told` is then
-- the topic, or who sent, and `crossed` says that they told of two zones. `paired_calls` has a row for every side that
-- tells of a call, with the names of both ends: a search by caller or callee reads it, and `call_pairs` counts it.

ALTER TABLE ${database}.call_sides ${on_cluster} ADD COLUMN IF NOT EXISTS crossed UInt8 CODEC(ZSTD(1));

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
  sumMap(map(toUInt16(floor(log(greatest(duration_us, 1)) / log(1.04))), weight)) AS hist
FROM ${database}.ingest
WHERE NOT unfinished AND kind != 'local' AND caller != '' AND callee != ''
  AND NOT ("foreign" AND kind IN ('producer', 'consumer'))
  AND NOT (kind = 'client' AND if("foreign", peer_kind NOT IN ('db', 'mq', 'cache'), peer_kind = ''))
  AND NOT ("foreign" AND kind = 'server' AND (parent_id != 0 OR mapContains(attrs, 'zipkin.shared')))
GROUP BY slot, caller, callee, side, env, load_test;

ALTER TABLE ${database}.call_sides_view ${on_cluster} MODIFY QUERY
SELECT
  toDateTime(multiIf(place = 1, bucket_s - 60, place = 2, bucket_s + 60, bucket_s), 'UTC') AS bucket,
  trace_id,
  multiIf(
    role = 3, cityHash64(id, kind, service, instance),
    role = 2 OR (role = 1 AND NOT shared), parent_id,
    id) AS call,
  role AS callee, place = 0 AS own, shared, kind, service, zone,
  multiIf(
    role = 1, caller_service,
    role = 3, multiIf(peer != '', concat('mq:', peer), kind = 'consumer', caller_service, ''),
    role = 2 OR kind != 'client' OR peer = '', '',
    peer_kind = 'external', concat('external:', peer),
    peer) AS told,
  env, load_test, start_us, duration_us, unfinished, error, weight,
  role = 3 AND caller_zone != '' AND zone != '' AND caller_zone != zone AS crossed
FROM (
  SELECT
    trace_id, id, parent_id, kind, service, instance, zone, caller_zone, env, peer, peer_kind, caller_service,
    start_us, duration_us, unfinished, error, weight,
    bitAnd(flags, 4) != 0 AS load_test,
    "foreign" AND kind = 'server' AND mapContains(attrs, 'zipkin.shared') AS shared,
    kind IN ('producer', 'consumer') AS message,
    if("foreign", kind != 'client' OR peer_kind NOT IN ('db', 'mq', 'cache'), kind = 'client') AS calls,
    kind = 'server' AND (shared OR parent_id != 0) AS called,
    "foreign" AND kind = 'client' AND parent_id != 0 AS below,
    intDiv(start_us, 60000000) * 60 AS bucket_s,
    intDiv(start_us, 1000000) - bucket_s AS second,
    arrayJoin(multiIf(
      message, [3], calls AND called, [0, 1], calls AND below, [0, 2], called, [1], below, [2], calls, [0], [])) AS role,
    arrayJoin(multiIf(message, [0], second < 6 AND bucket_s > 0, [0, 1], second >= 54, [0, 2], [0])) AS place
  FROM ${database}.ingest
  WHERE ("foreign" AND kind IN ('client', 'server', 'local', 'producer', 'consumer'))
    OR (kind = 'client' AND peer_kind = '')
    OR (kind = 'server' AND parent_id != 0 AND caller_service = '')
);

-- `call`, `service` and `start_us` tell which row the side is of. Unfinished sides are here as well, and those without
-- another end: `caller` or `callee` is empty then.
CREATE OR REPLACE VIEW ${database}.paired_calls ${on_cluster} AS
SELECT
  bucket, trace_id, call, tupleElement(side_row, 'callee') AS role, tupleElement(side_row, 'kind') AS side,
  tupleElement(side_row, 'service') AS service, tupleElement(side_row, 'start_us') AS start_us,
  multiIf(
    side_row.callee = 0 OR side = 'producer', side_row.service,
    side_row.callee = 1 AND chosen.1 != '', chosen.1,
    side_row.told) AS caller,
  multiIf(
    side_row.callee = 1 OR side = 'consumer', side_row.service,
    side_row.callee = 3, side_row.told,
    called != '', called,
    arrayFirst(name -> name != side_row.service, below) AS beyond != '', beyond,
    side_row.told) AS callee,
  side_row.env AS env, side_row.load_test AS load_test, side_row.duration_us AS duration_us,
  side_row.unfinished AS unfinished, side_row.error AS error, side_row.weight AS weight,
  side_row.crossed OR (side_row.callee = 1 AND chosen.2 != '' AND side_row.zone != '' AND chosen.2 != side_row.zone) AS crossed
FROM (
  SELECT
    bucket, trace_id, call, side_row, below,
    if(side_row.shared, clients, if(notEmpty(servers), servers, callers))[1] AS chosen,
    if(notEmpty(servers), shared_callees, callees)[1] AS called
  FROM (
    SELECT
      bucket, trace_id, call,
      arraySort(groupArrayIf((service, zone), callee = 0)) AS callers,
      arraySort(groupArrayIf((service, zone), callee = 0 AND kind = 'client')) AS clients,
      arraySort(groupArrayIf((service, zone), callee = 0 AND kind = 'server')) AS servers,
      arraySort(groupArrayIf(service, callee = 1)) AS callees,
      arraySort(groupArrayIf(service, callee = 1 AND shared)) AS shared_callees,
      arraySort(groupArrayIf(service, callee = 2)) AS below,
      groupArrayIf(
        tuple(callee, shared, kind, service, zone, told, env, load_test, start_us, duration_us, unfinished, error, weight, crossed)::
          Tuple(callee UInt8, shared UInt8, kind String, service String, zone String, told String, env String,
                load_test UInt8, start_us UInt64, duration_us UInt64, unfinished UInt8, error UInt8, weight UInt64,
                crossed UInt8),
        own AND (callee = 1 OR (callee = 0 AND kind = 'client'))) AS sides,
      -- Of a message's rows one is left: a finished one, and of those the earliest. An end may be told by any.
      arraySort(groupArrayIf(
        tuple(unfinished, start_us, duration_us, callee, shared, kind, service, zone, env, load_test, error, weight, crossed),
        callee = 3)) AS copies,
      maxIf(toString(told), callee = 3) AS other,
      arrayConcat(sides, arrayMap(
        row -> tuple(row.4, row.5, row.6, row.7, row.8, other, row.9, row.10, row.2, row.3, row.1, row.11, row.12, row.13)::
          Tuple(callee UInt8, shared UInt8, kind String, service String, zone String, told String, env String,
                load_test UInt8, start_us UInt64, duration_us UInt64, unfinished UInt8, error UInt8, weight UInt64,
                crossed UInt8),
        arraySlice(copies, 1, 1))) AS counted
    FROM ${database}.call_sides GROUP BY bucket, trace_id, call
  ) ARRAY JOIN counted AS side_row
);

CREATE OR REPLACE VIEW ${database}.call_pairs ${on_cluster} AS
SELECT
  bucket, toDateTime(intDiv(p.start_us, 60000000) * 60, 'UTC') AS slot, caller, callee, side, env, load_test,
  p.weight AS calls, p.error * p.weight AS errors, toUInt64(1) AS rows,
  p.duration_us * p.weight AS duration_sum, p.duration_us AS duration_max,
  if(crossed, p.weight, 0) AS cross_zone, p.start_us AS last_seen,
  mapFilter((_, __) -> NOT p.unfinished, map(toUInt16(floor(log(greatest(p.duration_us, 1)) / log(1.04))), p.weight)) AS hist
FROM ${database}.paired_calls AS p
WHERE caller != '' AND callee != '' AND (role = 3 OR NOT p.unfinished);
