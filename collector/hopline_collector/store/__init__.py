"""The store: connections, schema and the writing half of ClickHouse."""
