-- Names that spans bear, finished or not: what menus and other tracers' lists of names are
-- read from. `remote` is the far end by the name that the span itself gave it, `node` the
-- topic, database or cache that the map shows: each finds the other.

CREATE TABLE IF NOT EXISTS ${database}.span_names ${on_cluster} (
  day Date CODEC(ZSTD(1)),
  service LowCardinality(String) CODEC(ZSTD(1)),
  name LowCardinality(String) CODEC(ZSTD(1)),
  kind LowCardinality(String) CODEC(ZSTD(1)),
  node LowCardinality(String) CODEC(ZSTD(1)),
  remote LowCardinality(String) CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  first_us SimpleAggregateFunction(min, UInt64) CODEC(ZSTD(1)),
  last_us SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY day
ORDER BY (day, service, name, kind, node, remote, env, load_test)
SETTINGS merge_selector_base = 10, ${settings};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.span_names_view ${on_cluster} TO ${database}.span_names AS
SELECT
  toDate(toDateTime(intDiv(start_us, 1000000), 'UTC')) AS day, service, name, kind,
  if(kind IN ('producer', 'consumer') OR peer_kind IN ('db', 'mq', 'cache'), toString(peer), '') AS node,
  multiIf(
    mapContains(tags, 'zipkin.remote_service'), tags['zipkin.remote_service'],
    mapContains(attrs, 'zipkin.remote'), JSONExtractString(attrs['zipkin.remote'], 'serviceName'),
    kind = 'server', toString(caller_service),
    peer_kind != '', toString(peer),
    '') AS remote,
  env, bitAnd(flags, 4) != 0 AS load_test,
  min(start_us) AS first_us, max(start_us) AS last_us
FROM ${database}.ingest WHERE keep GROUP BY day, service, name, kind, node, remote, env, load_test;

INSERT INTO ${database}.span_names
SELECT
  toDate(toDateTime(intDiv(start_us, 1000000), 'UTC')) AS day, service, name, kind,
  if(kind IN ('producer', 'consumer') OR peer_kind IN ('db', 'mq', 'cache'), toString(peer), '') AS node,
  multiIf(
    mapContains(tags, 'zipkin.remote_service'), tags['zipkin.remote_service'],
    mapContains(attrs, 'zipkin.remote'), JSONExtractString(attrs['zipkin.remote'], 'serviceName'),
    kind = 'server', toString(caller_service),
    peer_kind != '', toString(peer),
    '') AS remote,
  env, bitAnd(flags, 4) != 0 AS load_test,
  min(start_us) AS first_us, max(start_us) AS last_us
FROM ${database}.spans GROUP BY day, service, name, kind, node, remote, env, load_test;
