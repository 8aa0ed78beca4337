-- One row per trace, made once it is quiet: what lists, points and users' pages are read from.
-- docs/schema.md has the rule, hopline_query.store.settling writes it.

-- Which traces rows came for, and when: the work list of settling, and what tells a reader
-- which traces are still moving.
CREATE TABLE IF NOT EXISTS ${database}.arrivals ${on_cluster} (
  arrived UInt64 CODEC(Delta, ZSTD(1)),
  trace_id FixedString(16) CODEC(ZSTD(1)),
  rows UInt32 CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
PARTITION BY toDate(toDateTime(intDiv(arrived, 1000000), 'UTC'))
ORDER BY (intDiv(arrived, 10000000), trace_id)
SETTINGS index_granularity = 1024, merge_selector_base = 10, ${settings};

-- How many rows came in ten seconds of arrivals: a bucket that was settled with as many is up to date.
CREATE TABLE IF NOT EXISTS ${database}.arrival_buckets ${on_cluster} (
  bucket UInt64 CODEC(Delta, ZSTD(1)),
  rows SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toYYYYMM(toDateTime(bucket * 10, 'UTC'))
ORDER BY bucket
SETTINGS ${settings};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.arrival_buckets_view ${on_cluster} TO ${database}.arrival_buckets AS
SELECT intDiv(arrived, 10000000) AS bucket, sum(a.rows) AS rows FROM ${database}.arrivals AS a GROUP BY bucket;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.arrivals_view ${on_cluster} TO ${database}.arrivals AS
SELECT arrived, trace_id, count() AS rows FROM ${database}.ingest WHERE keep GROUP BY arrived, trace_id;

CREATE TABLE IF NOT EXISTS ${database}.settled_buckets ${on_cluster} (
  bucket UInt64 CODEC(Delta, ZSTD(1)),
  rows UInt64 CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
PARTITION BY toYYYYMM(toDateTime(bucket * 10, 'UTC'))
ORDER BY (bucket, rows)
SETTINGS ${settings};

-- The figures of a whole trace (hopline_query.tree.summary). A trace that late rows come
-- for gets a new row of a higher version; the old one is named in `settled_stale`.
-- Ordered by hour and what the root took: the slowest of a range are found at once.
CREATE TABLE IF NOT EXISTS ${database}.settled ${on_cluster} (
  trace_id FixedString(16) CODEC(ZSTD(1)),
  version UInt64 CODEC(Delta, ZSTD(1)),
  start_us UInt64 CODEC(Delta, ZSTD(1)),
  -- Start of the last row: with `start_us` it tells which ranges hold rows of the trace.
  last_us UInt64 CODEC(Delta, ZSTD(1)),
  end_us UInt64 CODEC(Delta, ZSTD(1)),
  duration_us UInt64 CODEC(ZSTD(1)),
  spans UInt32 CODEC(ZSTD(1)),
  nodes UInt32 CODEC(ZSTD(1)),
  errors UInt32 CODEC(ZSTD(1)),
  unfinished UInt32 CODEC(ZSTD(1)),
  rootless UInt8 CODEC(ZSTD(1)),
  root_error UInt8 CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  debug UInt8 CODEC(ZSTD(1)),
  truncated UInt8 CODEC(ZSTD(1)),
  weight UInt64 CODEC(ZSTD(1)),
  arrived UInt64 CODEC(Delta, ZSTD(1)),
  service LowCardinality(String) CODEC(ZSTD(1)),
  name LowCardinality(String) CODEC(ZSTD(1)),
  status LowCardinality(String) CODEC(ZSTD(1)),
  -- Empty service and key: nothing failed.
  failure Tuple(service LowCardinality(String), name LowCardinality(String), error_type LowCardinality(String), error_text String, key String) CODEC(ZSTD(1)),
  services Array(String) CODEC(ZSTD(1)),
  -- Rows and failing rows of each of `services`.
  service_rows Array(UInt32) CODEC(ZSTD(1)),
  service_errors Array(UInt32) CODEC(ZSTD(1)),
  -- `service` and operation, or version, joined by a zero byte.
  operations Array(String) CODEC(ZSTD(1)),
  versions Array(String) CODEC(ZSTD(1)),
  envs Array(String) CODEC(ZSTD(1)),
  uids Array(String) CODEC(ZSTD(1)),
  INDEX duration_range duration_us TYPE minmax GRANULARITY 1,
  INDEX start_range start_us TYPE minmax GRANULARITY 1,
  INDEX last_range last_us TYPE minmax GRANULARITY 1,
  INDEX services_text services TYPE text(tokenizer = 'array'),
  INDEX operations_text operations TYPE text(tokenizer = 'array'),
  INDEX uids_text uids TYPE text(tokenizer = 'array')
) ENGINE = ${MergeTree}
PARTITION BY toDate(toDateTime(intDiv(start_us, 1000000), 'UTC'))
ORDER BY (intDiv(start_us, 3600000000), duration_us, trace_id)
SETTINGS index_granularity = 1024, merge_selector_base = 10, ${settings};

CREATE TABLE IF NOT EXISTS ${database}.settled_stale ${on_cluster} (
  trace_id FixedString(16) CODEC(ZSTD(1)),
  version UInt64 CODEC(Delta, ZSTD(1)),
  start_us UInt64 CODEC(Delta, ZSTD(1))
) ENGINE = ${MergeTree}
PARTITION BY toDate(toDateTime(intDiv(start_us, 1000000), 'UTC'))
ORDER BY (intDiv(start_us, 3600000000), trace_id, version)
SETTINGS index_granularity = 1024, ${settings};

-- What was stored before this file: it settles like rows that came just now.
INSERT INTO ${database}.arrivals (arrived, trace_id, rows)
SELECT s.arrived, s.trace_id, count() FROM ${database}.spans AS s GROUP BY s.arrived, s.trace_id;
