"""Mergeable figures: counts, means, percentiles."""
