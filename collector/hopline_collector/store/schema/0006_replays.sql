-- Dead letters that were handed in again, so that a second replay leaves them alone.

CREATE TABLE IF NOT EXISTS ${database}.replays ${on_cluster} (
  at_us UInt64 CODEC(Delta, ZSTD(1)),
  source LowCardinality(String) CODEC(ZSTD(1)),
  topic LowCardinality(String) CODEC(ZSTD(1)),
  partition UInt32 CODEC(ZSTD(1)),
  "offset" UInt64 CODEC(ZSTD(1)),
  "index" Int32 CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
PARTITION BY toYYYYMM(toDateTime(intDiv(at_us, 1000000), 'UTC'))
ORDER BY (source, topic, partition, "offset", "index")
SETTINGS ${settings};
