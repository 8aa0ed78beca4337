-- Figures: exact integer sums. `calls`, `errors`, `duration_sum` and the values of
-- `hist` carry the weight (thousandths of a call); `rows` counts what was sampled.
-- Unfinished rows enter no figure. Bucket b of `hist` holds durations from 1.04^b to
-- 1.04^(b+1) microseconds, so a percentile read from it errs by 2 % at most.

CREATE TABLE IF NOT EXISTS ${database}.stats_10s ${on_cluster} (
  slot DateTime('UTC') CODEC(Delta, ZSTD(1)),
  service LowCardinality(String) CODEC(ZSTD(1)),
  name LowCardinality(String) CODEC(ZSTD(1)),
  kind LowCardinality(String) CODEC(ZSTD(1)),
  entry UInt8 CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  calls SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  errors SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  rows SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  duration_sum SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  duration_max SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
  hist SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toDate(slot)
ORDER BY (slot, service, name, kind, entry, env, load_test)
SETTINGS index_granularity = 1024, ${settings};

CREATE TABLE IF NOT EXISTS ${database}.stats_1m ${on_cluster} (
  slot DateTime('UTC') CODEC(Delta, ZSTD(1)),
  service LowCardinality(String) CODEC(ZSTD(1)),
  name LowCardinality(String) CODEC(ZSTD(1)),
  kind LowCardinality(String) CODEC(ZSTD(1)),
  entry UInt8 CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  calls SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  errors SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  rows SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  duration_sum SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  duration_max SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
  hist SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toDate(slot)
ORDER BY (slot, service, name, kind, entry, env, load_test)
SETTINGS index_granularity = 1024, ${settings};

CREATE TABLE IF NOT EXISTS ${database}.stats_1h ${on_cluster} (
  slot DateTime('UTC') CODEC(Delta, ZSTD(1)),
  service LowCardinality(String) CODEC(ZSTD(1)),
  name LowCardinality(String) CODEC(ZSTD(1)),
  kind LowCardinality(String) CODEC(ZSTD(1)),
  entry UInt8 CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  calls SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  errors SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  rows SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  duration_sum SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  duration_max SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
  hist SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toYYYYMM(slot)
ORDER BY (slot, service, name, kind, entry, env, load_test)
SETTINGS index_granularity = 1024, ${settings};

-- The cascade reads the block that was just inserted above, a few hundred rows.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.stats_1h_view ${on_cluster} TO ${database}.stats_1h AS
SELECT
  toStartOfHour(s.slot) AS slot, service, name, kind, entry, env, load_test,
  sum(s.calls) AS calls, sum(s.errors) AS errors, sum(s.rows) AS rows,
  sum(s.duration_sum) AS duration_sum, max(s.duration_max) AS duration_max, sumMap(s.hist) AS hist
FROM ${database}.stats_1m AS s GROUP BY slot, service, name, kind, entry, env, load_test;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.stats_1m_view ${on_cluster} TO ${database}.stats_1m AS
SELECT
  toStartOfMinute(s.slot) AS slot, service, name, kind, entry, env, load_test,
  sum(s.calls) AS calls, sum(s.errors) AS errors, sum(s.rows) AS rows,
  sum(s.duration_sum) AS duration_sum, max(s.duration_max) AS duration_max, sumMap(s.hist) AS hist
FROM ${database}.stats_10s AS s GROUP BY slot, service, name, kind, entry, env, load_test;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.stats_10s_view ${on_cluster} TO ${database}.stats_10s AS
SELECT
  toDateTime(intDiv(start_us, 10000000) * 10, 'UTC') AS slot, service, name, kind,
  (kind IN ('server', 'consumer') OR parent_id = 0) AS entry, env, bitAnd(flags, 4) != 0 AS load_test,
  sum(weight) AS calls, sum(error * weight) AS errors, count() AS rows,
  sum(duration_us * weight) AS duration_sum, max(duration_us) AS duration_max,
  sumMap(map(toUInt16(floor(log(greatest(duration_us, 1)) / log(1.04))), weight)) AS hist
FROM ${database}.ingest WHERE NOT unfinished
GROUP BY slot, service, name, kind, entry, env, load_test;

CREATE TABLE IF NOT EXISTS ${database}.stats_instance_1m ${on_cluster} (
  slot DateTime('UTC') CODEC(Delta, ZSTD(1)),
  service LowCardinality(String) CODEC(ZSTD(1)),
  instance LowCardinality(String) CODEC(ZSTD(1)),
  host LowCardinality(String) CODEC(ZSTD(1)),
  zone LowCardinality(String) CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  version LowCardinality(String) CODEC(ZSTD(1)),
  entry UInt8 CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  calls SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  errors SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  rows SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  duration_sum SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  duration_max SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
  hist SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toDate(slot)
ORDER BY (slot, service, instance, host, zone, env, version, entry, load_test)
SETTINGS index_granularity = 1024, ${settings};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.stats_instance_1m_view ${on_cluster} TO ${database}.stats_instance_1m AS
SELECT
  toDateTime(intDiv(start_us, 60000000) * 60, 'UTC') AS slot, service, instance, host, zone, env, version,
  (kind IN ('server', 'consumer') OR parent_id = 0) AS entry, bitAnd(flags, 4) != 0 AS load_test,
  sum(weight) AS calls, sum(error * weight) AS errors, count() AS rows,
  sum(duration_us * weight) AS duration_sum, max(duration_us) AS duration_max,
  sumMap(map(toUInt16(floor(log(greatest(duration_us, 1)) / log(1.04))), weight)) AS hist
FROM ${database}.ingest WHERE NOT unfinished
GROUP BY slot, service, instance, host, zone, env, version, entry, load_test;

-- `side` is the kind of the row that told of the call. Node keys: a service's name,
-- `mq:topic`, `db:name`, `cache:name`, `external:name`, and USER before an entry service.
CREATE TABLE IF NOT EXISTS ${database}.edges_1m ${on_cluster} (
  slot DateTime('UTC') CODEC(Delta, ZSTD(1)),
  caller LowCardinality(String) CODEC(ZSTD(1)),
  callee LowCardinality(String) CODEC(ZSTD(1)),
  side LowCardinality(String) CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  calls SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  errors SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  rows SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  duration_sum SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  duration_max SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
  cross_zone SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  last_seen SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
  hist SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toDate(slot)
ORDER BY (slot, caller, callee, side, env, load_test)
SETTINGS index_granularity = 1024, ${settings};

CREATE TABLE IF NOT EXISTS ${database}.edges_1h ${on_cluster} (
  slot DateTime('UTC') CODEC(Delta, ZSTD(1)),
  caller LowCardinality(String) CODEC(ZSTD(1)),
  callee LowCardinality(String) CODEC(ZSTD(1)),
  side LowCardinality(String) CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  calls SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  errors SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  rows SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  duration_sum SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  duration_max SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
  cross_zone SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  last_seen SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
  hist SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toYYYYMM(slot)
ORDER BY (slot, caller, callee, side, env, load_test)
SETTINGS index_granularity = 1024, ${settings};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.edges_1h_view ${on_cluster} TO ${database}.edges_1h AS
SELECT
  toStartOfHour(e.slot) AS slot, caller, callee, side, env, load_test,
  sum(e.calls) AS calls, sum(e.errors) AS errors, sum(e.rows) AS rows,
  sum(e.duration_sum) AS duration_sum, max(e.duration_max) AS duration_max,
  sum(e.cross_zone) AS cross_zone, max(e.last_seen) AS last_seen, sumMap(e.hist) AS hist
FROM ${database}.edges_1m AS e GROUP BY slot, caller, callee, side, env, load_test;

-- A server row with a parent but without a known caller invents no edge, nor does a
-- call whose far end is unknown: such rows end with an empty caller or callee. Rows that
-- are one side of a call and know the other only by its id are left to `call_sides`.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.edges_1m_view ${on_cluster} TO ${database}.edges_1m AS
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
  AND NOT (kind = 'client' AND if("foreign", peer_kind NOT IN ('db', 'mq', 'cache'), peer_kind = ''))
  AND NOT ("foreign" AND kind = 'server' AND (parent_id != 0 OR mapContains(attrs, 'zipkin.shared')))
GROUP BY slot, caller, callee, side, env, load_test;

CREATE TABLE IF NOT EXISTS ${database}.error_groups ${on_cluster} (
  slot DateTime('UTC') CODEC(Delta, ZSTD(1)),
  service LowCardinality(String) CODEC(ZSTD(1)),
  name LowCardinality(String) CODEC(ZSTD(1)),
  error_type LowCardinality(String) CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  calls SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  rows SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  first_seen SimpleAggregateFunction(min, UInt64) CODEC(ZSTD(1)),
  last_seen SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
  newest SimpleAggregateFunction(max, Tuple(start_us UInt64, trace_id FixedString(16), error_text String)) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toYYYYMM(slot)
ORDER BY (slot, service, name, error_type, env, load_test)
SETTINGS index_granularity = 1024, ${settings};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.error_groups_view ${on_cluster} TO ${database}.error_groups AS
SELECT
  toDateTime(intDiv(start_us, 60000000) * 60, 'UTC') AS slot, service, name, error_type, env,
  bitAnd(flags, 4) != 0 AS load_test, sum(weight) AS calls, count() AS rows,
  min(start_us) AS first_seen, max(start_us) AS last_seen,
  max((start_us, trace_id, error_text)) AS newest
FROM ${database}.ingest WHERE error AND NOT unfinished
GROUP BY slot, service, name, error_type, env, load_test;
