-- What can be offered in menus, by day; fed by cascades, so next to free.

CREATE TABLE IF NOT EXISTS ${database}.operations ${on_cluster} (
  day Date CODEC(ZSTD(1)),
  service LowCardinality(String) CODEC(ZSTD(1)),
  name LowCardinality(String) CODEC(ZSTD(1)),
  kind LowCardinality(String) CODEC(ZSTD(1)),
  entry UInt8 CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  calls SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  first_seen SimpleAggregateFunction(min, DateTime('UTC')) CODEC(ZSTD(1)),
  last_seen SimpleAggregateFunction(max, DateTime('UTC')) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toYYYYMM(day)
ORDER BY (day, service, name, kind, entry, env)
SETTINGS ${settings};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.operations_view ${on_cluster} TO ${database}.operations AS
SELECT toDate(slot) AS day, service, name, kind, entry, env, sum(s.calls) AS calls, min(slot) AS first_seen, max(slot) AS last_seen
FROM ${database}.stats_1m AS s GROUP BY day, service, name, kind, entry, env;

CREATE TABLE IF NOT EXISTS ${database}.instances ${on_cluster} (
  day Date CODEC(ZSTD(1)),
  service LowCardinality(String) CODEC(ZSTD(1)),
  instance LowCardinality(String) CODEC(ZSTD(1)),
  host LowCardinality(String) CODEC(ZSTD(1)),
  zone LowCardinality(String) CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  version LowCardinality(String) CODEC(ZSTD(1)),
  calls SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  first_seen SimpleAggregateFunction(min, DateTime('UTC')) CODEC(ZSTD(1)),
  last_seen SimpleAggregateFunction(max, DateTime('UTC')) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toYYYYMM(day)
ORDER BY (day, service, instance, host, zone, env, version)
SETTINGS ${settings};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.instances_view ${on_cluster} TO ${database}.instances AS
SELECT toDate(slot) AS day, service, instance, host, zone, env, version, sum(s.calls) AS calls, min(slot) AS first_seen, max(slot) AS last_seen
FROM ${database}.stats_instance_1m AS s GROUP BY day, service, instance, host, zone, env, version;

-- At most 65,536 values per key and day: values that share a slot keep the greater
-- one, so a key with a few hundred values loses none and a bomb costs a bounded table.
CREATE TABLE IF NOT EXISTS ${database}.tag_values ${on_cluster} (
  day Date CODEC(ZSTD(1)),
  key LowCardinality(String) CODEC(ZSTD(1)),
  value_slot UInt16 CODEC(ZSTD(1)),
  value SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
  rows SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toYYYYMM(day)
ORDER BY (day, key, value_slot)
SETTINGS ${settings};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.tag_values_view ${on_cluster} TO ${database}.tag_values AS
SELECT
  toDate(toDateTime(intDiv(start_us, 1000000), 'UTC')) AS day, tag.1 AS key, toUInt16(cityHash64(tag.2) % 65536) AS value_slot,
  max(tag.2) AS value, count() AS rows
FROM (SELECT start_us, arrayJoin(arrayZip(mapKeys(tags), mapValues(tags))) AS tag FROM ${database}.ingest WHERE keep)
WHERE length(tag.2) <= 128
GROUP BY day, key, value_slot;
