"""Rows of one trace to a call tree: pure functions."""
