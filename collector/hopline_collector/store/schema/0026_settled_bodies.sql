-- The whole row as one text, in the order of hopline_query.store.settled_rows.COLUMNS: a page of a list reads
-- this one column, not 28 files of each part.
ALTER TABLE ${database}.settled ${on_cluster} ADD COLUMN IF NOT EXISTS body String MATERIALIZED formatRow('JSONCompactEachRow',
  lower(hex(trace_id)), version, start_us, last_us, end_us, duration_us, spans, nodes, errors, unfinished,
  rootless, root_error, load_test, debug, truncated, weight, arrived, service, name, status,
  failure, services, service_rows, service_errors, operations, versions, envs, uids) CODEC(ZSTD(1));
