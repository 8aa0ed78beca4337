"""Rows and edges to the dependency map."""
