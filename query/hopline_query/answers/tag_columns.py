"""Values of chosen tags beside each trace of a list."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from hopline.model import Row
from hopline_query.errors import BadRequestError
from hopline_query.params import Params
from hopline_query.store.port import SpanReader

KEYS: Final = 8
ROWS: Final = 200
"""Rows of a trace in which a value is looked for ..."""
ALL_ROWS: Final = 20_000
"""... and of all traces of a page."""


def add(reader: SpanReader, answer: dict[str, Any], params: Params) -> dict[str, Any]:
    """The answer; with ``tags=key,key`` each of its traces has ``tags``: the value that its earliest row has."""
    keys = list(dict.fromkeys(key for part in params.text("tags").split(",") if (key := part.strip())))
    if len(keys) > KEYS:
        raise BadRequestError(f"at most {KEYS} tags, not {len(keys)}", field="tags")
    ids = [trace["trace_id"] for trace in answer["traces"]]
    if not keys or not ids:
        return answer
    rows = reader.rows_of(ids, max(1, min(ROWS, ALL_ROWS // len(ids))), ALL_ROWS)
    for trace in answer["traces"]:
        trace["tags"] = values(rows.get(trace["trace_id"], ()), keys)
    return answer


def values(rows: Iterable[Row], keys: Sequence[str]) -> Mapping[str, str]:
    """The value of each key in the earliest row that has it, as a tag or an attribute; others are left out."""
    found: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: (row.start_us, row.span_id, row.kind)):
        both = {**row.attrs, **row.tags}
        found = {key: both[key] for key in keys if key in both} | found
    return found
