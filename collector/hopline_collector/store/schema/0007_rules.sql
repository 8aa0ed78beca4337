-- Traces that grew too large and take no more rows: their further rows count in the figures only.

CREATE TABLE IF NOT EXISTS ${database}.closed_traces ${on_cluster} (
  trace_id FixedString(16) CODEC(ZSTD(1)),
  at_us UInt64 CODEC(Delta, ZSTD(1))
) ENGINE = ${MergeTree}
PARTITION BY toDate(toDateTime(intDiv(at_us, 1000000), 'UTC'))
ORDER BY trace_id
SETTINGS ${settings};
