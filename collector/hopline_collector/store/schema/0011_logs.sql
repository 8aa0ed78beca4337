-- Which log a range belongs to (names of topics and their offsets come again: a second
-- cluster, a topic made anew), and why a gap is one. Empty: a journal, whose topic is its
-- own, or a block of before this column.

ALTER TABLE ${database}.ledger ${on_cluster} ADD COLUMN IF NOT EXISTS log LowCardinality(String) CODEC(ZSTD(1));
ALTER TABLE ${database}.ledger ${on_cluster} ADD COLUMN IF NOT EXISTS why LowCardinality(String) CODEC(ZSTD(1));
