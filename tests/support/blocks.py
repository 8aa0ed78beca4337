"""Rows of the model out of a collector's block: what a post leaves in the store."""

from collections.abc import Iterable

from hopline.model import Row
from hopline_collector.block.core import Block, Message, build_block
from hopline_collector.handover.plan import Plan


def rows_of(posts: Iterable[tuple[str, bytes]], now_us: int) -> list[Row]:
    """The rows that these posts (format, body) leave, each post a block of its own; raises for what is refused."""
    found = []
    for place, post in enumerate(posts):
        block = build_block([Message(place, *post)], Plan(0, 1, now_us))
        assert not block.dead, block.dead
        found += rows_of_block(block)
    return found


def rows_of_block(block: Block) -> list[Row]:
    """The rows of one block."""
    columns = block.columns
    names = list(columns)
    return [_row(dict(zip(names, values, strict=True))) for values in zip(*columns.values(), strict=True)]


def _row(value: dict) -> Row:
    known = {name: value[name] for name in Row.__dataclass_fields__ if name in value}
    known |= {
        "trace_id": value["trace_id"].hex(),
        "kind": str(value["kind"]),
        "id": f"{value['id']:016x}",
        "parent_id": f"{value['parent_id']:016x}" if value["parent_id"] else None,
        "duration_us": None if value["unfinished"] else value["duration_us"],
        "error": bool(value["error"]),
        "annotations": [tuple(note) for note in value["annotations"] or ()],
        "links": [(link[0].hex(), f"{link[1]:016x}", link[2]) for link in value["links"] or ()],
        "tags": dict(value["tags"] or {}),
        "attrs": dict(value["attrs"] or {}),
    }
    return Row(**known)
