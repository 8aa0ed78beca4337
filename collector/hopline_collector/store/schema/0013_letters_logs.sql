-- Which log a dead letter came from: a second cluster, or a topic made anew, has the same
-- topics and offsets. Empty as in `ledger`.

ALTER TABLE ${database}.dead_letters ${on_cluster} ADD COLUMN IF NOT EXISTS log LowCardinality(String) CODEC(ZSTD(1));
ALTER TABLE ${database}.replays ${on_cluster} ADD COLUMN IF NOT EXISTS log LowCardinality(String) CODEC(ZSTD(1));
