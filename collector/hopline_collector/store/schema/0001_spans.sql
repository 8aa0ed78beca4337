-- Rows enter `ingest`, which keeps nothing; every other table of this file and the
-- next two is fed from it by a view. Names are those of hopline.model.Row.
-- `keep` = 0 drops a row from what can be found, never from the figures.

CREATE TABLE IF NOT EXISTS ${database}.ingest ${on_cluster} (
  trace_id FixedString(16),
  span_id String,
  id UInt64,
  parent_id UInt64,
  kind LowCardinality(String),
  service LowCardinality(String),
  name LowCardinality(String),
  instance LowCardinality(String),
  host LowCardinality(String),
  zone LowCardinality(String),
  env LowCardinality(String),
  version LowCardinality(String),
  start_us UInt64,
  duration_us UInt64,
  unfinished UInt8,
  error UInt8,
  error_type LowCardinality(String),
  error_text String,
  caller_service LowCardinality(String),
  caller_instance LowCardinality(String),
  caller_zone LowCardinality(String),
  caller_name LowCardinality(String),
  peer LowCardinality(String),
  peer_kind LowCardinality(String),
  uid String,
  annotations Array(Tuple(ts_us UInt64, key String, value String)),
  tags Map(LowCardinality(String), String),
  attrs Map(LowCardinality(String), String),
  links Array(Tuple(trace_id FixedString(16), id UInt64, kind String)),
  children UInt32,
  flags UInt8,
  weight UInt64,
  attempt UInt16,
  arrived UInt64,
  keep UInt8,
  "foreign" UInt8
) ENGINE = Null;

CREATE TABLE IF NOT EXISTS ${database}.spans ${on_cluster} (
  trace_id FixedString(16) CODEC(ZSTD(1)),
  span_id String CODEC(ZSTD(1)),
  id UInt64 CODEC(ZSTD(1)),
  parent_id UInt64 CODEC(ZSTD(1)),
  kind LowCardinality(String) CODEC(ZSTD(1)),
  service LowCardinality(String) CODEC(ZSTD(1)),
  name LowCardinality(String) CODEC(ZSTD(1)),
  instance LowCardinality(String) CODEC(ZSTD(1)),
  host LowCardinality(String) CODEC(ZSTD(1)),
  zone LowCardinality(String) CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  version LowCardinality(String) CODEC(ZSTD(1)),
  start_us UInt64 CODEC(Delta, ZSTD(1)),
  duration_us UInt64 CODEC(ZSTD(1)),
  unfinished UInt8 CODEC(ZSTD(1)),
  error UInt8 CODEC(ZSTD(1)),
  error_type LowCardinality(String) CODEC(ZSTD(1)),
  error_text String CODEC(ZSTD(1)),
  caller_service LowCardinality(String) CODEC(ZSTD(1)),
  caller_instance LowCardinality(String) CODEC(ZSTD(1)),
  caller_zone LowCardinality(String) CODEC(ZSTD(1)),
  caller_name LowCardinality(String) CODEC(ZSTD(1)),
  peer LowCardinality(String) CODEC(ZSTD(1)),
  peer_kind LowCardinality(String) CODEC(ZSTD(1)),
  uid String CODEC(ZSTD(1)),
  annotations Array(Tuple(ts_us UInt64, key String, value String)) CODEC(ZSTD(1)),
  tags Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  attrs Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  links Array(Tuple(trace_id FixedString(16), id UInt64, kind String)) CODEC(ZSTD(1)),
  children UInt32 CODEC(ZSTD(1)),
  flags UInt8 CODEC(ZSTD(1)),
  weight UInt64 CODEC(ZSTD(1)),
  attempt UInt16 CODEC(ZSTD(1)),
  arrived UInt64 CODEC(Delta, ZSTD(1)),
  "foreign" UInt8 CODEC(ZSTD(1)),
  -- `has(kv, 'k=v')` must repeat this very expression's name for the index to serve it.
  kv Array(String) ALIAS arrayMap((k, v) -> concat(k, '=', v), mapKeys(tags), mapValues(tags)),
  INDEX kv_text kv TYPE text(tokenizer = 'array'),
  INDEX duration_range duration_us TYPE minmax GRANULARITY 1
) ENGINE = ${MergeTree}
PARTITION BY toDate(toDateTime(intDiv(start_us, 1000000), 'UTC'))
ORDER BY (intDiv(start_us, 3600000000), trace_id, start_us)
SETTINGS ${settings};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.spans_view ${on_cluster} TO ${database}.spans AS
SELECT * EXCEPT (keep) FROM ${database}.ingest WHERE keep;

CREATE TABLE IF NOT EXISTS ${database}.spans_by_service ${on_cluster} (
  service LowCardinality(String) CODEC(ZSTD(1)),
  start_us UInt64 CODEC(Delta, ZSTD(1)),
  name LowCardinality(String) CODEC(ZSTD(1)),
  kind LowCardinality(String) CODEC(ZSTD(1)),
  env LowCardinality(String) CODEC(ZSTD(1)),
  caller_service LowCardinality(String) CODEC(ZSTD(1)),
  duration_us UInt64 CODEC(ZSTD(1)),
  unfinished UInt8 CODEC(ZSTD(1)),
  error UInt8 CODEC(ZSTD(1)),
  entry UInt8 CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1)),
  trace_id FixedString(16) CODEC(ZSTD(1)),
  id UInt64 CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
PARTITION BY toDate(toDateTime(intDiv(start_us, 1000000), 'UTC'))
ORDER BY (service, start_us)
SETTINGS ${settings};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.spans_by_service_view ${on_cluster} TO ${database}.spans_by_service AS
SELECT
  service, start_us, name, kind, env, caller_service, duration_us, unfinished, error,
  (kind IN ('server', 'consumer') OR parent_id = 0) AS entry,
  bitAnd(flags, 4) != 0 AS load_test,
  trace_id, id
FROM ${database}.ingest WHERE keep;

CREATE TABLE IF NOT EXISTS ${database}.traces_by_uid ${on_cluster} (
  uid String CODEC(ZSTD(1)),
  start_us UInt64 CODEC(Delta, ZSTD(1)),
  trace_id FixedString(16) CODEC(ZSTD(1)),
  error UInt8 CODEC(ZSTD(1)),
  load_test UInt8 CODEC(ZSTD(1))
) ENGINE = ${MergeTree}
PARTITION BY toDate(toDateTime(intDiv(start_us, 1000000), 'UTC'))
ORDER BY (uid, start_us)
SETTINGS ${settings};

-- One row per uid, trace and insert: a reader takes the earliest per trace.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.traces_by_uid_view ${on_cluster} TO ${database}.traces_by_uid AS
SELECT uid, min(i.start_us) AS start_us, trace_id, max(i.error) AS error, max(bitAnd(flags, 4) != 0) AS load_test
FROM ${database}.ingest AS i WHERE keep AND uid != '' GROUP BY uid, trace_id;

-- Rows are partial until merged: always read with GROUP BY trace_id.
CREATE TABLE IF NOT EXISTS ${database}.traces ${on_cluster} (
  trace_id FixedString(16) CODEC(ZSTD(1)),
  start_us SimpleAggregateFunction(min, UInt64) CODEC(Delta, ZSTD(1)),
  end_us SimpleAggregateFunction(max, UInt64) CODEC(Delta, ZSTD(1)),
  arrived SimpleAggregateFunction(max, UInt64) CODEC(Delta, ZSTD(1)),
  spans SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  unfinished SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  errors SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  load_test SimpleAggregateFunction(max, UInt8) CODEC(ZSTD(1)),
  env SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
  services SimpleAggregateFunction(groupUniqArrayArray, Array(String)) CODEC(ZSTD(1)),
  uids SimpleAggregateFunction(groupUniqArrayArray, Array(String)) CODEC(ZSTD(1)),
  -- The smallest tuple is the root: a row without parent first, then the earliest.
  root SimpleAggregateFunction(min, Tuple(has_parent UInt8, start_us UInt64, service String, name String, duration_us UInt64, error UInt8)) CODEC(ZSTD(1)),
  -- The largest tuple is the deepest failing row; depth 0 = nothing failed.
  failure SimpleAggregateFunction(max, Tuple(depth UInt32, start_us UInt64, service String, name String, error_type String)) CODEC(ZSTD(1))
) ENGINE = ${AggregatingMergeTree}
PARTITION BY toDate(toDateTime(intDiv(start_us, 1000000), 'UTC'))
ORDER BY trace_id
SETTINGS index_granularity = 1024, ${settings};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.traces_view ${on_cluster} TO ${database}.traces AS
SELECT
  trace_id,
  min(i.start_us) AS start_us,
  max(i.start_us + i.duration_us) AS end_us,
  max(i.arrived) AS arrived,
  count() AS spans,
  sum(i.unfinished) AS unfinished,
  sum(i.error) AS errors,
  max(bitAnd(flags, 4) != 0) AS load_test,
  max(toString(i.env)) AS env,
  arrayMap(x -> toString(x), groupUniqArray(service)) AS services,
  groupUniqArrayIf(uid, uid != '') AS uids,
  min((toUInt8(parent_id != 0), i.start_us, toString(service), toString(name), i.duration_us, i.error)) AS root,
  maxIf((toUInt32(length(splitByChar('.', span_id))), i.start_us, toString(service), toString(name), toString(error_type)), i.error) AS failure
FROM ${database}.ingest AS i WHERE keep GROUP BY trace_id;

-- Which traces point at a trace: links are found from both ends.
CREATE TABLE IF NOT EXISTS ${database}.links_to ${on_cluster} (
  to_trace_id FixedString(16) CODEC(ZSTD(1)),
  to_id UInt64 CODEC(ZSTD(1)),
  trace_id FixedString(16) CODEC(ZSTD(1)),
  id UInt64 CODEC(ZSTD(1)),
  kind LowCardinality(String) CODEC(ZSTD(1)),
  start_us UInt64 CODEC(Delta, ZSTD(1))
) ENGINE = ${MergeTree}
PARTITION BY toDate(toDateTime(intDiv(start_us, 1000000), 'UTC'))
ORDER BY (to_trace_id, to_id, start_us)
SETTINGS ${settings};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.links_to_view ${on_cluster} TO ${database}.links_to AS
SELECT link.trace_id AS to_trace_id, link.id AS to_id, i.trace_id AS trace_id, i.id AS id, i.kind AS kind, start_us
FROM ${database}.ingest AS i ARRAY JOIN links AS link WHERE keep;
