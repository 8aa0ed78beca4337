-- Calls as their callers told them, of all callers together: what stands beside a service's own
-- figures. `all_called_*` adds the pairs of calls, as `all_edges_*` does.
CREATE TABLE IF NOT EXISTS ${database}.called_1m ${on_cluster} (
  slot DateTime('UTC') CODEC(Delta, ZSTD(1)),
  callee LowCardinality(String) CODEC(ZSTD(1)),
  side LowCardinality(String) CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  calls SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  errors SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  rows SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toDate(slot)
ORDER BY (slot, callee, side, env, load_test)
SETTINGS index_granularity = 1024, merge_selector_base = 10, ${settings};

CREATE TABLE IF NOT EXISTS ${database}.called_1h ${on_cluster} (
  slot DateTime('UTC') CODEC(Delta, ZSTD(1)),
  callee LowCardinality(String) CODEC(ZSTD(1)),
  side LowCardinality(String) CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  calls SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  errors SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  rows SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toYYYYMM(slot)
ORDER BY (slot, callee, side, env, load_test)
SETTINGS index_granularity = 1024, merge_selector_base = 10, ${settings};

INSERT INTO ${database}.called_1m (slot, callee, side, env, load_test, calls, errors, rows)
SELECT slot, callee, side, env, load_test, sum(e.calls) AS calls, sum(e.errors) AS errors, sum(e.rows) AS rows
FROM ${database}.edges_1m AS e
WHERE side IN ('client', 'producer') AND (SELECT count() FROM ${database}.called_1m) = 0
GROUP BY slot, callee, side, env, load_test
SETTINGS max_partitions_per_insert_block = 0;

INSERT INTO ${database}.called_1h (slot, callee, side, env, load_test, calls, errors, rows)
SELECT slot, callee, side, env, load_test, sum(e.calls) AS calls, sum(e.errors) AS errors, sum(e.rows) AS rows
FROM ${database}.edges_1h AS e
WHERE side IN ('client', 'producer') AND (SELECT count() FROM ${database}.called_1h) = 0
GROUP BY slot, callee, side, env, load_test
SETTINGS max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.called_1h_view ${on_cluster} TO ${database}.called_1h AS
SELECT toStartOfHour(e.slot) AS slot, callee, side, env, load_test, sum(e.calls) AS calls, sum(e.errors) AS errors, sum(e.rows) AS rows
FROM ${database}.called_1m AS e GROUP BY slot, callee, side, env, load_test;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.called_1m_view ${on_cluster} TO ${database}.called_1m AS
SELECT slot, callee, side, env, load_test, sum(e.calls) AS calls, sum(e.errors) AS errors, sum(e.rows) AS rows
FROM ${database}.edges_1m AS e WHERE side IN ('client', 'producer') GROUP BY slot, callee, side, env, load_test;

CREATE VIEW IF NOT EXISTS ${database}.all_called_1m ${on_cluster} AS
SELECT slot AS bucket, slot, callee, side, env, load_test, calls, errors, rows
FROM ${database}.called_1m
UNION ALL
SELECT bucket, slot, callee, side, env, load_test, calls, errors, rows
FROM ${database}.paired_edges
WHERE side IN ('client', 'producer')
  AND (bucket, generation) IN (SELECT bucket, sum(rows) FROM ${database}.call_buckets GROUP BY bucket)
  AND (bucket, generation) IN (SELECT bucket, generation FROM ${database}.paired_buckets)
UNION ALL
SELECT bucket, slot, callee, side, env, load_test, calls, errors, rows
FROM ${database}.call_pairs
WHERE side IN ('client', 'producer') AND bucket NOT IN (
  SELECT bucket FROM (SELECT bucket, sum(rows) AS generation FROM ${database}.call_buckets GROUP BY bucket)
  WHERE (bucket, generation) IN (SELECT bucket, generation FROM ${database}.paired_buckets));

CREATE VIEW IF NOT EXISTS ${database}.all_called_1h ${on_cluster} AS
SELECT slot AS bucket, slot, callee, side, env, load_test, calls, errors, rows
FROM ${database}.called_1h
UNION ALL
SELECT bucket, toStartOfHour(slot) AS slot, callee, side, env, load_test, calls, errors, rows
FROM ${database}.paired_edges
WHERE side IN ('client', 'producer')
  AND (bucket, generation) IN (SELECT bucket, sum(rows) FROM ${database}.call_buckets GROUP BY bucket)
  AND (bucket, generation) IN (SELECT bucket, generation FROM ${database}.paired_buckets)
UNION ALL
SELECT bucket, toStartOfHour(slot) AS slot, callee, side, env, load_test, calls, errors, rows
FROM ${database}.call_pairs
WHERE side IN ('client', 'producer') AND bucket NOT IN (
  SELECT bucket FROM (SELECT bucket, sum(rows) AS generation FROM ${database}.call_buckets GROUP BY bucket)
  WHERE (bucket, generation) IN (SELECT bucket, generation FROM ${database}.paired_buckets));
