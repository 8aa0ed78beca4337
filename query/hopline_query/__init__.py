"""Reads the store: trees, topology, figures, search, and the HTTP API over them."""
