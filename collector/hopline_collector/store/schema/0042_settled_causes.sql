-- What began the failures of settled traces: one row per failing call with no failing call below it
-- (hopline_query.why.causes). Written beside `settled`; a row counts as long as the row of `settled` with the same trace
-- and version does.
CREATE TABLE IF NOT EXISTS ${database}.settled_causes ${on_cluster} (
  trace_id FixedString(16) CODEC(ZSTD(1)),
  -- `version` of the row of `settled`, and the start of its trace: rows go when it goes.
  settled UInt64 CODEC(Delta, ZSTD(1)),
  began_us UInt64 CODEC(Delta, ZSTD(1)),
  -- Of the call, as its callee told of it, else its caller; `version` is that of the side that told.
  start_us UInt64 CODEC(Delta, ZSTD(1)),
  -- Node key of who failed, and the address of a far end that never named itself.
  node LowCardinality(String) CODEC(ZSTD(1)),
  address LowCardinality(String) CODEC(ZSTD(1)),
  operation LowCardinality(String) CODEC(ZSTD(1)),
  error_type LowCardinality(String) CODEC(ZSTD(1)),
  -- Numbers, ids and quoted parts replaced.
  text String CODEC(ZSTD(1)),
  -- Who called, where the far end did not tell of the call.
  caller LowCardinality(String) CODEC(ZSTD(1)),
  version LowCardinality(String) CODEC(ZSTD(1)),
  -- Failing calls above it that it explains.
  echoes UInt32 CODEC(ZSTD(1)),
  -- The root failed through it; the root did not fail.
  hurt UInt8 CODEC(ZSTD(1)),
  recovered UInt8 CODEC(ZSTD(1)),
  -- Of the trace, where it was hurt through this cause: what names it, and its users.
  entry_service LowCardinality(String) CODEC(ZSTD(1)),
  entry_name LowCardinality(String) CODEC(ZSTD(1)),
  uids Array(String) CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
PARTITION BY toDate(toDateTime(intDiv(began_us, 1000000), 'UTC'))
ORDER BY (intDiv(began_us, 3600000000), trace_id, start_us)
SETTINGS index_granularity = 1024, merge_selector_base = 10, ${settings};
