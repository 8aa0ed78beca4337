-- Figures of processes by the hour: a day of a service was summed over its minutes.
CREATE TABLE IF NOT EXISTS ${database}.stats_instance_1h ${on_cluster} (
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
  -- Slots of a minute.
  first_seen SimpleAggregateFunction(min, DateTime('UTC')) CODEC(ZSTD(1)),
  last_seen SimpleAggregateFunction(max, DateTime('UTC')) CODEC(ZSTD(1)),
  hist SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1)),
  status_4xx SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  failed SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toYYYYMM(slot)
ORDER BY (slot, service, instance, host, zone, env, version, entry, load_test)
SETTINGS index_granularity = 1024, merge_selector_base = 10, ${settings};

INSERT INTO ${database}.stats_instance_1h (slot, service, instance, host, zone, env, version, entry, load_test, calls, errors, rows, duration_sum, duration_max, first_seen, last_seen, hist, status_4xx, failed)
SELECT
  toStartOfHour(s.slot) AS slot, service, instance, host, zone, env, version, entry, load_test,
  sum(s.calls) AS calls, sum(s.errors) AS errors, sum(s.rows) AS rows,
  sum(s.duration_sum) AS duration_sum, max(s.duration_max) AS duration_max,
  min(s.slot) AS first_seen, max(s.slot) AS last_seen,
  sumMap(s.hist) AS hist, sum(s.status_4xx) AS status_4xx, sumMap(s.failed) AS failed
FROM ${database}.stats_instance_1m AS s
WHERE (SELECT count() FROM ${database}.stats_instance_1h) = 0
GROUP BY slot, service, instance, host, zone, env, version, entry, load_test
SETTINGS max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.stats_instance_1h_view ${on_cluster} TO ${database}.stats_instance_1h AS
SELECT
  toStartOfHour(s.slot) AS slot, service, instance, host, zone, env, version, entry, load_test,
  sum(s.calls) AS calls, sum(s.errors) AS errors, sum(s.rows) AS rows,
  sum(s.duration_sum) AS duration_sum, max(s.duration_max) AS duration_max,
  min(s.slot) AS first_seen, max(s.slot) AS last_seen,
  sumMap(s.hist) AS hist, sum(s.status_4xx) AS status_4xx, sumMap(s.failed) AS failed
FROM ${database}.stats_instance_1m AS s GROUP BY slot, service, instance, host, zone, env, version, entry, load_test;
