-- What /metrics and /system ask of the whole ledger, summed in every part beside its rows:
-- the engine reads a few rows a part instead of all. It is of the table's own parts, so it
-- is exact whatever is merged, repeated or dropped. Sums are to be asked for as they stand here.

ALTER TABLE ${database}.ledger ${on_cluster} ADD PROJECTION IF NOT EXISTS ledger_sums (
  SELECT
    source, topic, partition, max(end_offset), max(arrived), sum(messages), sum(bytes), sum(received), sum(stored),
    sum(dead), sum(sampled_out), sum(duplicate), sumMap(rejected), sum(gap)
  GROUP BY source, topic, partition
);

ALTER TABLE ${database}.ledger ${on_cluster} MATERIALIZE PROJECTION ledger_sums;
