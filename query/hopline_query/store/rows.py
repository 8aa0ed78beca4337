"""One stored row to one :class:`hopline.model.Row`: the only place that knows both."""

from typing import Any

from hopline.model import Row

COLUMNS = (
    *(
        "trace_id",
        "span_id",
        "id",
        "parent_id",
        "kind",
        "service",
        "name",
        "instance",
        "host",
        "zone",
        "env",
        "version",
    ),
    *("start_us", "duration_us", "unfinished", "error", "error_type", "error_text"),
    *("caller_service", "caller_instance", "caller_zone", "caller_name", "peer", "peer_kind", "uid"),
    *("annotations", "tags", "attrs", "links", "children", "flags", "weight", "attempt", "arrived"),
)
"""The order of store/sql/trace_rows.sql."""


def row_of(stored: tuple[Any, ...]) -> Row:
    """The model's row of a stored one; ids back to hex, 0 to none."""
    value = dict(zip(COLUMNS, stored, strict=True))
    unfinished = value.pop("unfinished")
    value["id"] = hex16(value["id"])
    value["parent_id"] = hex16(value["parent_id"]) or None
    value["duration_us"] = None if unfinished else value["duration_us"]
    value["error"] = bool(value["error"])
    value["annotations"] = [_tuple(note) for note in value["annotations"]]
    value["links"] = [(link[0], hex16(link[1]), link[2]) for link in map(_tuple, value["links"])]
    return Row(**value)


def hex16(number: int) -> str:
    """16 lower-case hex digits, empty for 0."""
    return f"{number:016x}" if number else ""


def _tuple(value: Any) -> Any:
    """Named tuples of the engine arrive as mappings."""
    return tuple(value.values()) if isinstance(value, dict) else tuple(value)
