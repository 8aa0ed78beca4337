-- The entry calls of settled traces, each with the marks of itself, of the calls below it and of its root: what "what
-- differs" counts. Written beside `settled` (hopline_query.store.settling); a row counts as long as the row of
-- `settled` with the same trace and version does.
CREATE TABLE IF NOT EXISTS ${database}.settled_calls ${on_cluster} (
  trace_id FixedString(16) CODEC(ZSTD(1)),
  -- `version` of the row of `settled`, and the start of its trace: rows go when it goes.
  settled UInt64 CODEC(Delta, ZSTD(1)),
  began_us UInt64 CODEC(Delta, ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  envs Array(LowCardinality(String)) CODEC(ZSTD(1)),
  -- Of the row by which the work came in; `version` is that of its service.
  id UInt64 CODEC(ZSTD(1)),
  kind LowCardinality(String) CODEC(ZSTD(1)),
  service LowCardinality(String) CODEC(ZSTD(1)),
  name LowCardinality(String) CODEC(ZSTD(1)),
  instance LowCardinality(String) CODEC(ZSTD(1)),
  version LowCardinality(String) CODEC(ZSTD(1)),
  start_us UInt64 CODEC(Delta, ZSTD(1)),
  duration_us UInt64 CODEC(ZSTD(1)),
  unfinished UInt8 CODEC(ZSTD(1)),
  error UInt8 CODEC(ZSTD(1)),
  error_type LowCardinality(String) CODEC(ZSTD(1)),
  -- `t`ag, `f`ield or `c`allee; service; key; value: joined by zero bytes.
  marks Array(LowCardinality(String)) CODEC(ZSTD(1)),
  -- 1: a call of a giant trace, whose marks are those of its own row alone.
  cut UInt8 CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
PARTITION BY toDate(toDateTime(intDiv(began_us, 1000000), 'UTC'))
ORDER BY (service, intDiv(start_us, 3600000000), trace_id, id)
SETTINGS index_granularity = 1024, merge_selector_base = 10, ${settings};
