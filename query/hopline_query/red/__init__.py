"""Rates, errors and durations for Prometheus, counted up from what is stored."""
