-- The traces that an erasure lets go, by the number of its run: named here before anything is deleted.
CREATE TABLE IF NOT EXISTS ${database}.erasing ${on_cluster} (
  run UInt64 CODEC(ZSTD(1)),
  trace_id FixedString(16) CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
ORDER BY (run, trace_id)
SETTINGS ${settings};
