-- The parts of the time of an entry call in which one thing was done after the other (docs/critical-path.md): their sums are
-- answered without a look at its rows (hopline_query.store.settled_paths).

-- 0: the row does not tell them; those of its trace do.
ALTER TABLE ${database}.settled_calls ${on_cluster} ADD COLUMN IF NOT EXISTS told UInt8 CODEC(ZSTD(1));

-- `o`wn time or `n`etwork; service; operation: joined by zero bytes. A part may be there more than once.
ALTER TABLE ${database}.settled_calls ${on_cluster} ADD COLUMN IF NOT EXISTS parts Array(LowCardinality(String)) CODEC(ZSTD(1));

-- Microseconds of each of `parts`; they add up to `duration_us`.
ALTER TABLE ${database}.settled_calls ${on_cluster} ADD COLUMN IF NOT EXISTS parts_us Array(UInt64) CODEC(ZSTD(1));
