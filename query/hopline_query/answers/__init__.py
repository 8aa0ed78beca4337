"""Answers of the query API, one module per subject: a reader and parameters in, JSON-ready dicts out."""
