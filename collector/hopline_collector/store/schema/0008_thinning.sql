-- Thinning by age: which traces a run took out, and which days are done under which rules.

CREATE TABLE IF NOT EXISTS ${database}.thinned ${on_cluster} (
  run UInt64 CODEC(ZSTD(1)),
  trace_id FixedString(16) CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
PARTITION BY toDate(toDateTime(intDiv(run, 1000000), 'UTC'))
ORDER BY (run, trace_id)
SETTINGS ${settings};

-- Two rows per day and rules: done = 0 names the run whose choice counts, done = 1 says it was carried out.
CREATE TABLE IF NOT EXISTS ${database}.thinnings ${on_cluster} (
  day Date CODEC(ZSTD(1)),
  rules String CODEC(ZSTD(1)),
  done UInt8 CODEC(ZSTD(1)),
  run UInt64 CODEC(ZSTD(1)),
  traces UInt64 CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
PARTITION BY toYYYYMM(day)
ORDER BY (day, rules, done)
SETTINGS ${settings};
