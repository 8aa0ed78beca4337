-- Every indexed `key=value` of a trace's rows, sorted: a filter of such terms is answered by the settled row alone.
ALTER TABLE ${database}.settled ${on_cluster} ADD COLUMN IF NOT EXISTS tags Array(String) CODEC(ZSTD(1));

-- 0: the row does not tell them (it is of an earlier release, or they are too many), its trace's rows do.
ALTER TABLE ${database}.settled ${on_cluster} ADD COLUMN IF NOT EXISTS tagged UInt8 CODEC(ZSTD(1));

ALTER TABLE ${database}.settled ${on_cluster} ADD INDEX IF NOT EXISTS tags_text tags TYPE text(tokenizer = 'array');

ALTER TABLE ${database}.settled ${on_cluster} ADD INDEX IF NOT EXISTS tagged_range tagged TYPE minmax GRANULARITY 1;
