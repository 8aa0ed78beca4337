-- Two more figures of calls, and roll-ups of whole services.
--
-- `status_4xx` is the weight of calls that were answered with an HTTP status of 400 to 499:
-- most of them are no failures. `failed` is the histogram of the failing calls alone: it
-- tells how many of the calls that were quick enough failed.
ALTER TABLE ${database}.stats_10s ${on_cluster} ADD COLUMN IF NOT EXISTS status_4xx SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1));
ALTER TABLE ${database}.stats_10s ${on_cluster} ADD COLUMN IF NOT EXISTS failed SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1));
ALTER TABLE ${database}.stats_1m ${on_cluster} ADD COLUMN IF NOT EXISTS status_4xx SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1));
ALTER TABLE ${database}.stats_1m ${on_cluster} ADD COLUMN IF NOT EXISTS failed SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1));
ALTER TABLE ${database}.stats_1h ${on_cluster} ADD COLUMN IF NOT EXISTS status_4xx SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1));
ALTER TABLE ${database}.stats_1h ${on_cluster} ADD COLUMN IF NOT EXISTS failed SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1));
ALTER TABLE ${database}.stats_instance_1m ${on_cluster} ADD COLUMN IF NOT EXISTS status_4xx SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1));
ALTER TABLE ${database}.stats_instance_1m ${on_cluster} ADD COLUMN IF NOT EXISTS failed SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1));

-- The end of the cascade first, so that no view reads what the one before does not give yet.
ALTER TABLE ${database}.stats_1h_view ${on_cluster} MODIFY QUERY
SELECT
  toStartOfHour(s.slot) AS slot, service, name, kind, entry, env, load_test,
  sum(s.calls) AS calls, sum(s.errors) AS errors, sum(s.rows) AS rows,
  sum(s.duration_sum) AS duration_sum, max(s.duration_max) AS duration_max, sumMap(s.hist) AS hist,
  sum(s.status_4xx) AS status_4xx, sumMap(s.failed) AS failed
FROM ${database}.stats_1m AS s GROUP BY slot, service, name, kind, entry, env, load_test;

ALTER TABLE ${database}.stats_1m_view ${on_cluster} MODIFY QUERY
SELECT
  toStartOfMinute(s.slot) AS slot, service, name, kind, entry, env, load_test,
  sum(s.calls) AS calls, sum(s.errors) AS errors, sum(s.rows) AS rows,
  sum(s.duration_sum) AS duration_sum, max(s.duration_max) AS duration_max, sumMap(s.hist) AS hist,
  sum(s.status_4xx) AS status_4xx, sumMap(s.failed) AS failed
FROM ${database}.stats_10s AS s GROUP BY slot, service, name, kind, entry, env, load_test;

ALTER TABLE ${database}.stats_10s_view ${on_cluster} MODIFY QUERY
SELECT
  toDateTime(intDiv(start_us, 10000000) * 10, 'UTC') AS slot, service, name, kind,
  (kind IN ('server', 'consumer') OR parent_id = 0) AS entry, env, bitAnd(flags, 4) != 0 AS load_test,
  sum(weight) AS calls, sum(error * weight) AS errors, count() AS rows,
  sum(duration_us * weight) AS duration_sum, max(duration_us) AS duration_max,
  sumMap(map(toUInt16(floor(log(greatest(duration_us, 1)) / log(1.04))), weight)) AS hist,
  sumIf(weight, (if(tags['http.response.status_code'] = '', tags['http.status_code'], tags['http.response.status_code']) AS status) LIKE '4__') AS status_4xx,
  sumMapIf(map(toUInt16(floor(log(greatest(duration_us, 1)) / log(1.04))), weight), error) AS failed
FROM ${database}.ingest WHERE NOT unfinished
GROUP BY slot, service, name, kind, entry, env, load_test;

ALTER TABLE ${database}.stats_instance_1m_view ${on_cluster} MODIFY QUERY
SELECT
  toDateTime(intDiv(start_us, 60000000) * 60, 'UTC') AS slot, service, instance, host, zone, env, version,
  (kind IN ('server', 'consumer') OR parent_id = 0) AS entry, bitAnd(flags, 4) != 0 AS load_test,
  sum(weight) AS calls, sum(error * weight) AS errors, count() AS rows,
  sum(duration_us * weight) AS duration_sum, max(duration_us) AS duration_max,
  sumMap(map(toUInt16(floor(log(greatest(duration_us, 1)) / log(1.04))), weight)) AS hist,
  sumIf(weight, (if(tags['http.response.status_code'] = '', tags['http.status_code'], tags['http.response.status_code']) AS status) LIKE '4__') AS status_4xx,
  sumMapIf(map(toUInt16(floor(log(greatest(duration_us, 1)) / log(1.04))), weight), error) AS failed
FROM ${database}.ingest WHERE NOT unfinished
GROUP BY slot, service, instance, host, zone, env, version, entry, load_test;

-- A service of many operations would be summed over all of them for every page.
CREATE TABLE IF NOT EXISTS ${database}.services_1m ${on_cluster} (
  slot DateTime('UTC') CODEC(Delta, ZSTD(1)),
  service LowCardinality(String) CODEC(ZSTD(1)),
  kind LowCardinality(String) CODEC(ZSTD(1)),
  entry UInt8 CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  calls SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  errors SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  rows SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  duration_sum SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  duration_max SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
  -- Slots of ten seconds, whatever the length of this table's.
  first_seen SimpleAggregateFunction(min, DateTime('UTC')) CODEC(ZSTD(1)),
  last_seen SimpleAggregateFunction(max, DateTime('UTC')) CODEC(ZSTD(1)),
  hist SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1)),
  status_4xx SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  failed SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toDate(slot)
ORDER BY (slot, service, kind, entry, env, load_test)
SETTINGS index_granularity = 1024, merge_selector_base = 10, ${settings};

CREATE TABLE IF NOT EXISTS ${database}.services_1h ${on_cluster} (
  slot DateTime('UTC') CODEC(Delta, ZSTD(1)),
  service LowCardinality(String) CODEC(ZSTD(1)),
  kind LowCardinality(String) CODEC(ZSTD(1)),
  entry UInt8 CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  calls SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  errors SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  rows SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  duration_sum SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  duration_max SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
  -- Slots of ten seconds, whatever the length of this table's.
  first_seen SimpleAggregateFunction(min, DateTime('UTC')) CODEC(ZSTD(1)),
  last_seen SimpleAggregateFunction(max, DateTime('UTC')) CODEC(ZSTD(1)),
  hist SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1)),
  status_4xx SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  failed SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toYYYYMM(slot)
ORDER BY (slot, service, kind, entry, env, load_test)
SETTINGS index_granularity = 1024, merge_selector_base = 10, ${settings};

INSERT INTO ${database}.services_1m (slot, service, kind, entry, env, load_test, first_seen, last_seen, calls, errors, rows, duration_sum, duration_max, hist, status_4xx, failed)
SELECT
  toStartOfMinute(s.slot) AS slot, service, kind, entry, env, load_test,
  min(s.slot) AS first_seen, max(s.slot) AS last_seen,
  sum(s.calls) AS calls, sum(s.errors) AS errors, sum(s.rows) AS rows,
  sum(s.duration_sum) AS duration_sum, max(s.duration_max) AS duration_max, sumMap(s.hist) AS hist,
  sum(s.status_4xx) AS status_4xx, sumMap(s.failed) AS failed
FROM ${database}.stats_1m AS s
WHERE (SELECT count() FROM ${database}.services_1m) = 0
GROUP BY slot, service, kind, entry, env, load_test
SETTINGS max_partitions_per_insert_block = 0;

INSERT INTO ${database}.services_1h (slot, service, kind, entry, env, load_test, first_seen, last_seen, calls, errors, rows, duration_sum, duration_max, hist, status_4xx, failed)
SELECT
  toStartOfHour(s.slot) AS slot, service, kind, entry, env, load_test,
  min(s.slot) AS first_seen, max(s.slot) AS last_seen,
  sum(s.calls) AS calls, sum(s.errors) AS errors, sum(s.rows) AS rows,
  sum(s.duration_sum) AS duration_sum, max(s.duration_max) AS duration_max, sumMap(s.hist) AS hist,
  sum(s.status_4xx) AS status_4xx, sumMap(s.failed) AS failed
FROM ${database}.stats_1h AS s
WHERE (SELECT count() FROM ${database}.services_1h) = 0
GROUP BY slot, service, kind, entry, env, load_test
SETTINGS max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.services_1m_view ${on_cluster} TO ${database}.services_1m AS
SELECT
  toStartOfMinute(s.slot) AS slot, service, kind, entry, env, load_test,
  min(s.slot) AS first_seen, max(s.slot) AS last_seen,
  sum(s.calls) AS calls, sum(s.errors) AS errors, sum(s.rows) AS rows,
  sum(s.duration_sum) AS duration_sum, max(s.duration_max) AS duration_max, sumMap(s.hist) AS hist,
  sum(s.status_4xx) AS status_4xx, sumMap(s.failed) AS failed
FROM ${database}.stats_10s AS s GROUP BY slot, service, kind, entry, env, load_test;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.services_1h_view ${on_cluster} TO ${database}.services_1h AS
SELECT
  toStartOfHour(s.slot) AS slot, service, kind, entry, env, load_test,
  min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen,
  sum(s.calls) AS calls, sum(s.errors) AS errors, sum(s.rows) AS rows,
  sum(s.duration_sum) AS duration_sum, max(s.duration_max) AS duration_max, sumMap(s.hist) AS hist,
  sum(s.status_4xx) AS status_4xx, sumMap(s.failed) AS failed
FROM ${database}.services_1m AS s GROUP BY slot, service, kind, entry, env, load_test;
