-- Calls of which no single row tells both ends: rows of other tracers carry no caller
-- fields. Each such row leaves its side of the call here, under the trace and the id
-- that both sides know, and the map pairs the sides when it is read. Pairing works in
-- buckets of ten minutes; a row within a minute of its bucket's edge is a guest
-- (own = 0) in the next one too, so calls across the edge meet. docs/schema.md has the rule.

CREATE TABLE IF NOT EXISTS ${database}.call_sides ${on_cluster} (
  bucket DateTime('UTC') CODEC(Delta, ZSTD(1)),
  trace_id FixedString(16) CODEC(ZSTD(1)),
  call UInt64 CODEC(ZSTD(1)),
  -- 1: this row was called; 0: this row calls, or may have.
  callee UInt8 CODEC(ZSTD(1)),
  own UInt8 CODEC(ZSTD(1)),
  -- A callee that carries its client's id.
  shared UInt8 CODEC(ZSTD(1)),
  kind LowCardinality(String) CODEC(ZSTD(1)),
  service LowCardinality(String) CODEC(ZSTD(1)),
  zone LowCardinality(String) CODEC(ZSTD(1)),
  -- What the row itself says of the other end, for when that never comes.
  told LowCardinality(String) CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  start_us UInt64 CODEC(Delta, ZSTD(1)),
  duration_us UInt64 CODEC(ZSTD(1)),
  unfinished UInt8 CODEC(ZSTD(1)),
  error UInt8 CODEC(ZSTD(1)),
  weight UInt64 CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
PARTITION BY toDate(bucket)
ORDER BY (bucket, trace_id, call)
SETTINGS ${settings};

-- How many rows a bucket of `call_sides` has: a pairing that counted as many is up to date.
CREATE TABLE IF NOT EXISTS ${database}.call_buckets ${on_cluster} (
  bucket DateTime('UTC') CODEC(Delta, ZSTD(1)),
  rows SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toYYYYMM(bucket)
ORDER BY bucket
SETTINGS ${settings};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.call_buckets_view ${on_cluster} TO ${database}.call_buckets AS
SELECT bucket, count() AS rows FROM ${database}.call_sides GROUP BY bucket;

-- A row may be called and call: a server row of another tracer is its client's callee
-- and may itself have sent the request on. Rows of ours take part where the far end
-- did not name itself (a client) or nobody told the caller (a server). `part` is what a
-- row leaves: 0 as caller, 4 as callee; + 0 in its own bucket, 1 in the one before, 2 after.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.call_sides_view ${on_cluster} TO ${database}.call_sides AS
SELECT
  toDateTime(multiIf(bitAnd(part, 3) = 1, bucket_s - 60, bitAnd(part, 3) = 2, bucket_s + 60, bucket_s), 'UTC') AS bucket,
  trace_id, if(callee AND NOT shared, parent_id, id) AS call, part >= 4 AS callee, bitAnd(part, 3) = 0 AS own,
  shared, kind, service, zone,
  multiIf(callee, caller_service, kind != 'client' OR peer = '', '', peer_kind = 'external', concat('external:', peer), peer) AS told,
  env, load_test, start_us, duration_us, unfinished, error, weight
FROM (
  SELECT
    trace_id, id, parent_id, kind, service, zone, env, peer, peer_kind, caller_service,
    start_us, duration_us, unfinished, error, weight,
    bitAnd(flags, 4) != 0 AS load_test,
    "foreign" AND kind = 'server' AND mapContains(attrs, 'zipkin.shared') AS shared,
    if("foreign", kind != 'client' OR peer_kind NOT IN ('db', 'mq', 'cache'), kind = 'client') AS calls,
    kind = 'server' AND (shared OR parent_id != 0) AS called,
    intDiv(start_us, 60000000) * 60 AS bucket_s,
    intDiv(start_us, 1000000) - bucket_s AS second,
    arrayJoin(multiIf(
      second < 6 AND bucket_s > 0,
      multiIf(calls AND called, [0, 1, 4, 5], called, [4, 5], calls, [0, 1], []),
      second >= 54,
      multiIf(calls AND called, [0, 2, 4, 6], called, [4, 6], calls, [0, 2], []),
      multiIf(calls AND called, [0, 4], called, [4], calls, [0], []))) AS part
  FROM ${database}.ingest
  WHERE ("foreign" AND kind IN ('client', 'server', 'local'))
    OR (kind = 'client' AND peer_kind = '')
    OR (kind = 'server' AND parent_id != 0 AND caller_service = '')
);

-- Pairings of closed buckets, kept so that a long range need not pair again. A
-- generation is the number of rows that were paired.
CREATE TABLE IF NOT EXISTS ${database}.paired_edges ${on_cluster} (
  bucket DateTime('UTC') CODEC(Delta, ZSTD(1)),
  generation UInt64 CODEC(ZSTD(1)),
  slot DateTime('UTC') CODEC(Delta, ZSTD(1)),
  caller LowCardinality(String) CODEC(ZSTD(1)),
  callee LowCardinality(String) CODEC(ZSTD(1)),
  side LowCardinality(String) CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  calls UInt64 CODEC(ZSTD(1)),
  errors UInt64 CODEC(ZSTD(1)),
  rows UInt64 CODEC(ZSTD(1)),
  duration_sum UInt64 CODEC(ZSTD(1)),
  duration_max UInt64 CODEC(ZSTD(1)),
  cross_zone UInt64 CODEC(ZSTD(1)),
  last_seen UInt64 CODEC(ZSTD(1)),
  hist Map(UInt16, UInt64) CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, generation, caller, callee)
SETTINGS ${settings};

CREATE TABLE IF NOT EXISTS ${database}.paired_buckets ${on_cluster} (
  bucket DateTime('UTC') CODEC(Delta, ZSTD(1)),
  generation UInt64 CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, generation)
SETTINGS ${settings};

-- One row per counted side. A callee is called by the client that shares its id; else by
-- the server half that shares the parent's id, as what a shared span's children follow;
-- else by whichever row has that id. A client calls the service of its callee, else whom
-- it told. Where several rows qualify the first name in order decides.
CREATE VIEW IF NOT EXISTS ${database}.call_pairs ${on_cluster} AS
SELECT
  bucket, toDateTime(intDiv(side_row.start_us, 60000000) * 60, 'UTC') AS slot,
  multiIf(NOT side_row.callee, side_row.service, chosen.1 != '', chosen.1, side_row.told) AS caller,
  multiIf(side_row.callee, side_row.service, called != '', called, side_row.told) AS callee,
  if(side_row.callee, 'server', 'client') AS side, side_row.env AS env, side_row.load_test AS load_test,
  side_row.weight AS calls, side_row.error * side_row.weight AS errors, toUInt64(1) AS rows,
  side_row.duration_us * side_row.weight AS duration_sum, side_row.duration_us AS duration_max,
  if(side_row.callee AND chosen.2 != '' AND side_row.zone != '' AND chosen.2 != side_row.zone, side_row.weight, 0) AS cross_zone,
  side_row.start_us AS last_seen,
  map(toUInt16(floor(log(greatest(side_row.duration_us, 1)) / log(1.04))), side_row.weight) AS hist
FROM (
  SELECT
    bucket, side_row,
    if(side_row.shared, clients, if(notEmpty(servers), servers, callers))[1] AS chosen,
    if(notEmpty(servers), shared_callees, callees)[1] AS called
  FROM (
    SELECT
      bucket,
      arraySort(groupArrayIf((service, zone), NOT callee)) AS callers,
      arraySort(groupArrayIf((service, zone), NOT callee AND kind = 'client')) AS clients,
      arraySort(groupArrayIf((service, zone), NOT callee AND kind = 'server')) AS servers,
      arraySort(groupArrayIf(service, call_sides.callee)) AS callees,
      arraySort(groupArrayIf(service, call_sides.callee AND shared)) AS shared_callees,
      groupArrayIf(
        tuple(callee, shared, service, zone, told, env, load_test, start_us, duration_us, error, weight)::
          Tuple(callee UInt8, shared UInt8, service String, zone String, told String, env String, load_test UInt8,
                start_us UInt64, duration_us UInt64, error UInt8, weight UInt64),
        own AND NOT unfinished AND (callee OR kind = 'client')) AS counted
    FROM ${database}.call_sides GROUP BY bucket, trace_id, call
  ) ARRAY JOIN counted AS side_row
)
WHERE caller != '' AND callee != '';

-- What the map reads: every edge, whoever told it. Bound `slot` and, alike, `bucket`,
-- so that only the buckets in range are paired.
CREATE VIEW IF NOT EXISTS ${database}.all_edges_1m ${on_cluster} AS
SELECT
  slot AS bucket, slot, caller, callee, side, env, load_test,
  calls, errors, rows, duration_sum, duration_max, cross_zone, last_seen, hist
FROM ${database}.edges_1m
UNION ALL
SELECT
  bucket, slot, caller, callee, side, env, load_test, calls, errors, rows, duration_sum, duration_max, cross_zone, last_seen, hist
FROM ${database}.paired_edges
WHERE (bucket, generation) IN (SELECT bucket, sum(rows) FROM ${database}.call_buckets GROUP BY bucket)
  AND (bucket, generation) IN (SELECT bucket, generation FROM ${database}.paired_buckets)
UNION ALL
SELECT
  bucket, slot, caller, callee, side, env, load_test, calls, errors, rows, duration_sum, duration_max, cross_zone, last_seen, hist
FROM ${database}.call_pairs
WHERE bucket NOT IN (
  SELECT bucket FROM (SELECT bucket, sum(rows) AS generation FROM ${database}.call_buckets GROUP BY bucket)
  WHERE (bucket, generation) IN (SELECT bucket, generation FROM ${database}.paired_buckets));

CREATE VIEW IF NOT EXISTS ${database}.all_edges_1h ${on_cluster} AS
SELECT
  slot AS bucket, slot, caller, callee, side, env, load_test,
  calls, errors, rows, duration_sum, duration_max, cross_zone, last_seen, hist
FROM ${database}.edges_1h
UNION ALL
SELECT
  bucket, toStartOfHour(slot) AS slot, caller, callee, side, env, load_test, calls, errors, rows, duration_sum, duration_max, cross_zone, last_seen, hist
FROM ${database}.paired_edges
WHERE (bucket, generation) IN (SELECT bucket, sum(rows) FROM ${database}.call_buckets GROUP BY bucket)
  AND (bucket, generation) IN (SELECT bucket, generation FROM ${database}.paired_buckets)
UNION ALL
SELECT
  bucket, toStartOfHour(slot) AS slot, caller, callee, side, env, load_test,
  calls, errors, rows, duration_sum, duration_max, cross_zone, last_seen, hist
FROM ${database}.call_pairs
WHERE bucket NOT IN (
  SELECT bucket FROM (SELECT bucket, sum(rows) AS generation FROM ${database}.call_buckets GROUP BY bucket)
  WHERE (bucket, generation) IN (SELECT bucket, generation FROM ${database}.paired_buckets));
