-- Keys that some row of a day holds as an attr: where a tag's key is none of them, the index of tags alone answers for it.

CREATE TABLE IF NOT EXISTS ${database}.attr_keys ${on_cluster} (
  day Date CODEC(ZSTD(1)),
  key LowCardinality(String) CODEC(ZSTD(1)),
  rows SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toYYYYMM(day)
ORDER BY (day, key)
SETTINGS ${settings};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.attr_keys_view ${on_cluster} TO ${database}.attr_keys AS
SELECT toDate(toDateTime(intDiv(start_us, 1000000), 'UTC')) AS day, arrayJoin(mapKeys(attrs)) AS key, count() AS rows
FROM ${database}.ingest WHERE keep GROUP BY day, key;
