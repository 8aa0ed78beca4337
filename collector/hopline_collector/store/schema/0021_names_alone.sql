-- What menus ask every day: which services there are, and which operations they have. `span_names`
-- tells far ends too, a hundred times as many rows.
CREATE TABLE IF NOT EXISTS ${database}.service_names ${on_cluster} (
  day Date CODEC(ZSTD(1)),
  service LowCardinality(String) CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  first_us SimpleAggregateFunction(min, UInt64) CODEC(ZSTD(1)),
  last_us SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY day
ORDER BY (day, service, env, load_test)
SETTINGS merge_selector_base = 10, ${settings};

CREATE TABLE IF NOT EXISTS ${database}.operation_names ${on_cluster} (
  day Date CODEC(ZSTD(1)),
  service LowCardinality(String) CODEC(ZSTD(1)),
  name LowCardinality(String) CODEC(ZSTD(1)),
  kind LowCardinality(String) CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  first_us SimpleAggregateFunction(min, UInt64) CODEC(ZSTD(1)),
  last_us SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY day
ORDER BY (day, service, name, kind, env, load_test)
SETTINGS index_granularity = 1024, merge_selector_base = 10, ${settings};

INSERT INTO ${database}.service_names (day, service, env, load_test, first_us, last_us)
SELECT day, service, env, load_test, min(n.first_us) AS first_us, max(n.last_us) AS last_us
FROM ${database}.span_names AS n
WHERE (SELECT count() FROM ${database}.service_names) = 0
GROUP BY day, service, env, load_test
SETTINGS max_partitions_per_insert_block = 0;

INSERT INTO ${database}.operation_names (day, service, name, kind, env, load_test, first_us, last_us)
SELECT day, service, name, kind, env, load_test, min(n.first_us) AS first_us, max(n.last_us) AS last_us
FROM ${database}.span_names AS n
WHERE (SELECT count() FROM ${database}.operation_names) = 0
GROUP BY day, service, name, kind, env, load_test
SETTINGS max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.operation_names_view ${on_cluster} TO ${database}.operation_names AS
SELECT day, service, name, kind, env, load_test, min(n.first_us) AS first_us, max(n.last_us) AS last_us
FROM ${database}.span_names AS n GROUP BY day, service, name, kind, env, load_test;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.service_names_view ${on_cluster} TO ${database}.service_names AS
SELECT day, service, env, load_test, min(n.first_us) AS first_us, max(n.last_us) AS last_us
FROM ${database}.operation_names AS n GROUP BY day, service, env, load_test;
