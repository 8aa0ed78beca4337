"""Give every row of a block a value in every column: what the wire leaves out stands for a default."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any, Final

from hopline_collector.block.normalise import Columns
from hopline_collector.formats.decoded import FLAG_ERROR

_NUMBERS: Final[Mapping[str, int]] = {
    "id": 0,
    "parent_id": 0,
    "kind": 0,
    "children": 0,
    "flags": 1,
    "weight": 1_000,
    "attempt": 0,
}
_TEXTS: Final = ("span_id", "uid", "peer", "peer_kind", "error_type", "error_text")
_CONTAINERS: Final[Mapping[str, Any]] = {"tags": {}, "attrs": {}, "annotations": (), "links": ()}
_CALLER: Final = ("caller_service", "caller_instance", "caller_zone", "caller_name")
_NO_CALLER: Final = ("", "", "", "")


def fill(columns: Columns) -> None:
    """Put defaults where a row had none, and give the caller and the flags columns of their own."""
    for name, number in _NUMBERS.items():
        _put(columns, name, number)
    for name in _TEXTS:
        _put(columns, name, "")
    for name, empty in _CONTAINERS.items():
        column = columns[name]
        columns[name] = [found or empty for found in column] if any(column) else [empty] * len(column)
    columns.update(zip(_CALLER, _callers(columns.pop("caller")), strict=True))
    _spread_flags(columns)


def _put(columns: Columns, name: str, default: Any) -> None:
    if None in columns[name]:
        columns[name] = [default if value is None else value for value in columns[name]]


def _callers(callers: list[list[str] | None]) -> list[list[str]]:
    lengths = set(map(len, filter(None, callers)))
    if not lengths:
        return [[""] * len(callers) for _ in _CALLER]
    whole = [caller or _NO_CALLER for caller in callers]
    if not lengths <= {4}:
        whole = [(*caller, *_NO_CALLER) for caller in whole]
    return [list(map(itemgetter(place), whole)) for place in range(4)]


def _spread_flags(columns: Columns) -> None:
    """The wire's flags hold the error bit, and a missing duration says unfinished."""
    flags = columns["flags"]
    distinct = set(flags)
    columns["error"] = list(map({bits: 1 if bits & FLAG_ERROR else 0 for bits in distinct}.__getitem__, flags))
    columns["flags"] = list(map({bits: bits & 7 for bits in distinct}.__getitem__, flags))
    durations = columns["duration_us"]
    if None in durations:
        columns["unfinished"] = [int(duration is None) for duration in durations]
        columns["duration_us"] = [duration or 0 for duration in durations]
    else:
        columns["unfinished"] = [0] * len(durations)
