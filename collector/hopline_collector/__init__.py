"""Receives spans, hands them over exactly once, and owns the store."""
