"""Reading the store: one port, the ClickHouse reader, and its twin in memory."""

from hopline_query.store.port import SpanReader

__all__ = ["SpanReader"]
