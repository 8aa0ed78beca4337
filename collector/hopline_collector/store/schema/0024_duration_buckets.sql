-- The bucket of a row's duration, as histograms have it: a heatmap takes the logarithm of no row.
ALTER TABLE ${database}.spans_by_service ${on_cluster} ADD COLUMN IF NOT EXISTS
  duration_bucket UInt16 DEFAULT toUInt16(floor(log(greatest(duration_us, 1)) / log(1.04))) CODEC(ZSTD(1));
