-- Alerts: what changed, who evaluates, and what was delivered. Each row is written once, under a token.

-- The `sequence`-th change of one alert (a rule and the labels that it was judged for).
CREATE TABLE IF NOT EXISTS ${database}.alert_changes ${on_cluster} (
  alert UInt64 CODEC(ZSTD(1)),
  sequence UInt64 CODEC(ZSTD(1)),
  at_us UInt64 CODEC(Delta, ZSTD(1)),
  rule String CODEC(ZSTD(1)),
  state LowCardinality(String) CODEC(ZSTD(1)),
  since_us UInt64 CODEC(ZSTD(1)),
  value Float64 CODEC(ZSTD(1)),
  threshold Float64 CODEC(ZSTD(1)),
  labels Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  link String CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
ORDER BY (alert, sequence)
TTL toDateTime(intDiv(at_us, 1000000)) + INTERVAL 90 DAY
SETTINGS ${settings};

-- Whoever's row for a slot of time is in the table evaluates in it: a token lets only the first one in.
CREATE TABLE IF NOT EXISTS ${database}.alert_leases ${on_cluster} (
  slot UInt64 CODEC(ZSTD(1)),
  holder String CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
ORDER BY slot
TTL toDateTime(slot * 5) + INTERVAL 1 DAY
SETTINGS ${settings};

CREATE TABLE IF NOT EXISTS ${database}.alert_deliveries ${on_cluster} (
  alert UInt64 CODEC(ZSTD(1)),
  sequence UInt64 CODEC(ZSTD(1)),
  receiver String CODEC(ZSTD(1)),
  at_us UInt64 CODEC(Delta, ZSTD(1))
) ENGINE = ${MergeTree}
ORDER BY (alert, sequence, receiver)
TTL toDateTime(intDiv(at_us, 1000000)) + INTERVAL 90 DAY
SETTINGS ${settings};
