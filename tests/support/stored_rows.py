"""Rows of the model into the table that feeds all others."""

from hopline.model import Row
from hopline_collector.store.clickhouse import ClickHouse

COLUMNS = (
    *("trace_id", "span_id", "id", "parent_id", "kind", "service", "name", "instance", "host", "zone", "env"),
    *("version", "start_us", "duration_us", "unfinished", "error", "error_type", "error_text", "caller_service"),
    *("caller_instance", "caller_zone", "caller_name", "peer", "peer_kind", "uid", "annotations", "tags", "attrs"),
    *("links", "children", "flags", "weight", "attempt", "arrived", "keep", "foreign"),
)


def stored_row(item: Row) -> list:
    """The values of `ingest` for a row of the model."""
    value = {name: getattr(item, name) for name in item.__dataclass_fields__}
    value |= {
        "trace_id": bytes.fromhex(item.trace_id),
        "id": int(item.id or "0", 16),
        "parent_id": int(item.parent_id or "0", 16),
        "duration_us": item.duration_us or 0,
        "unfinished": int(item.duration_us is None),
        "error": int(item.error),
        "links": [(bytes.fromhex(t), int(i, 16), k) for t, i, k in item.links],
        "keep": 1,
        "foreign": int(not item.span_id),
    }
    return [value[name] for name in COLUMNS]


def insert_rows(engine: ClickHouse, rows: list[Row], token: str = "") -> None:
    """Store rows of the model through the table that feeds all others."""
    settings = {"insert_deduplication_token": token, "insert_deduplicate": 1} if token else {}
    columns = [list(column) for column in zip(*map(stored_row, rows), strict=True)]
    with engine.writer() as handle:
        table = f"{engine.database}.ingest"
        handle.insert(table, columns, column_names=COLUMNS, column_oriented=True, settings=settings)
