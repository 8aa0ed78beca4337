-- Both ends of every call of a trace, joined by a zero byte, and each end alone; behind those of a row that failed stands a
-- mark as well (hopline_query.store.settled_rows). A search by caller or callee is answered by the settled row alone.
ALTER TABLE ${database}.settled ${on_cluster} ADD COLUMN IF NOT EXISTS calls Array(String) CODEC(ZSTD(1));

-- 0: the row does not tell them (it is of an earlier release, or of too many spans), its trace's rows do.
ALTER TABLE ${database}.settled ${on_cluster} ADD COLUMN IF NOT EXISTS called UInt8 CODEC(ZSTD(1));

ALTER TABLE ${database}.settled ${on_cluster} ADD INDEX IF NOT EXISTS calls_text calls TYPE text(tokenizer = 'array');

ALTER TABLE ${database}.settled ${on_cluster} ADD INDEX IF NOT EXISTS called_range called TYPE minmax GRANULARITY 1;
