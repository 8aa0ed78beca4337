-- Parts are merged ten at a time or more, not five: every span is rewritten less often
-- until it lies in a large part, for a few more parts to look into. On its way in, half of
-- what a span costs was merging. New parts of spans are compact: a file for each of their
-- hundred streams, each with a buffer of its own, is for merged ones.

ALTER TABLE ${database}.spans ${on_cluster} MODIFY SETTING merge_selector_base = 10, min_bytes_for_wide_part = 60000000;
ALTER TABLE ${database}.spans_by_service ${on_cluster} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE ${database}.traces_by_uid ${on_cluster} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE ${database}.traces ${on_cluster} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE ${database}.links_to ${on_cluster} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE ${database}.stats_10s ${on_cluster} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE ${database}.stats_1m ${on_cluster} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE ${database}.stats_1h ${on_cluster} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE ${database}.stats_instance_1m ${on_cluster} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE ${database}.edges_1m ${on_cluster} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE ${database}.edges_1h ${on_cluster} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE ${database}.error_groups ${on_cluster} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE ${database}.operations ${on_cluster} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE ${database}.instances ${on_cluster} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE ${database}.tag_values ${on_cluster} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE ${database}.ledger ${on_cluster} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE ${database}.reports ${on_cluster} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE ${database}.call_sides ${on_cluster} MODIFY SETTING merge_selector_base = 10;
ALTER TABLE ${database}.call_buckets ${on_cluster} MODIFY SETTING merge_selector_base = 10;
