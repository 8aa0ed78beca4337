-- What the hand-over itself writes, under the same token as the rows it tells of.

-- One row per block: the ranges tile every partition without gap or overlap, and
-- received = stored + rejected + dead + sampled_out + duplicate in every row.
CREATE TABLE IF NOT EXISTS ${database}.ledger ${on_cluster} (
  source LowCardinality(String) CODEC(ZSTD(1)),
  topic LowCardinality(String) CODEC(ZSTD(1)),
  partition UInt32 CODEC(ZSTD(1)),
  start_offset UInt64 CODEC(Delta, ZSTD(1)),
  end_offset UInt64 CODEC(Delta, ZSTD(1)),
  -- 1: the log had expired this range before it was read; its rows are lost.
  gap UInt8 CODEC(ZSTD(1)),
  arrived UInt64 CODEC(Delta, ZSTD(1)),
  messages UInt64 CODEC(ZSTD(1)),
  bytes UInt64 CODEC(ZSTD(1)),
  received UInt64 CODEC(ZSTD(1)),
  stored UInt64 CODEC(ZSTD(1)),
  dead UInt64 CODEC(ZSTD(1)),
  sampled_out UInt64 CODEC(ZSTD(1)),
  duplicate UInt64 CODEC(ZSTD(1)),
  rejected Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)),
  cut Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)),
  collector String CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
PARTITION BY toYYYYMM(toDateTime(intDiv(arrived, 1000000), 'UTC'))
ORDER BY (source, topic, partition, start_offset)
SETTINGS ${settings};

CREATE TABLE IF NOT EXISTS ${database}.dead_letters ${on_cluster} (
  arrived UInt64 CODEC(Delta, ZSTD(1)),
  source LowCardinality(String) CODEC(ZSTD(1)),
  topic LowCardinality(String) CODEC(ZSTD(1)),
  partition UInt32 CODEC(ZSTD(1)),
  "offset" UInt64 CODEC(ZSTD(1)),
  -- Position of the row in its message; -1 for the whole message.
  "index" Int32 CODEC(ZSTD(1)),
  format LowCardinality(String) CODEC(ZSTD(1)),
  reason LowCardinality(String) CODEC(ZSTD(1)),
  detail String CODEC(ZSTD(1)),
  raw String CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
PARTITION BY toDate(toDateTime(intDiv(arrived, 1000000), 'UTC'))
ORDER BY (arrived, source, topic, partition, "offset", "index")
SETTINGS ${settings};

-- Counters that a sending process reported of itself, since it started.
CREATE TABLE IF NOT EXISTS ${database}.reports ${on_cluster} (
  arrived UInt64 CODEC(Delta, ZSTD(1)),
  at_us UInt64 CODEC(Delta, ZSTD(1)),
  service LowCardinality(String) CODEC(ZSTD(1)),
  instance LowCardinality(String) CODEC(ZSTD(1)),
  host LowCardinality(String) CODEC(ZSTD(1)),
  zone LowCardinality(String) CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  version LowCardinality(String) CODEC(ZSTD(1)),
  library LowCardinality(String) CODEC(ZSTD(1)),
  recorded UInt64 CODEC(ZSTD(1)),
  sent UInt64 CODEC(ZSTD(1)),
  dropped Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)),
  depth UInt64 CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
PARTITION BY toDate(toDateTime(intDiv(arrived, 1000000), 'UTC'))
ORDER BY (service, instance, at_us)
SETTINGS ${settings};

-- Numbered snapshots of everything stateful that a block depends on: a plan names one.
CREATE TABLE IF NOT EXISTS ${database}.limits ${on_cluster} (
  rules UInt64,
  at_us UInt64,
  body String CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
ORDER BY rules
SETTINGS ${settings};

-- Pinned traces: rows of `spans` that no retention touches.
CREATE TABLE IF NOT EXISTS ${database}.archive ${on_cluster} AS ${database}.spans
ENGINE = ${MergeTree}
ORDER BY (trace_id, start_us)
SETTINGS ${settings};
