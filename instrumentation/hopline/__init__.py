"""Distributed tracing with hierarchical span ids."""
