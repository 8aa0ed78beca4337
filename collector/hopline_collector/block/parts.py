"""Copies and parts of one row that meet in a block become one row (C8, M5).

A row is (trace, id, kind, service, instance), used once: hours later the same is another row.
Zipkin's clients may report a span in parts, start and name first, duration and tags later;
ours sends an unfinished copy before the finished one. They are united field by field,
whatever their order.
"""

from typing import Any, Final

from hopline_collector.block import limits
from hopline_collector.block.normalise import Columns

Identity = tuple[bytes, int, int, str, str]

REUSED_US: Final = 3_600_000_000
"""A copy that starts this long after all known ends is another span under the same id."""

_APART: Final = frozenset(
    {
        *("trace_id", "id", "kind", "service", "instance", "message", "index", "foreign", "unfinished"),
        *("start_us", "duration_us", "name", "tags", "attrs", "annotations", "links", "flags", "error"),
    }
)
"""Columns with a rule of their own; of the others the greatest value stays, which is one that was given."""


def unite(columns: Columns) -> list[int]:
    """Unite rows of one identity into the first of them; the others, which are to be dropped."""
    ids = columns["id"]
    if len(set(ids)) == len(ids):
        return []
    names = ("trace_id", "id", "kind", "service", "instance")
    keys = list(zip(*(columns[name] for name in names), strict=True))
    if len(set(keys)) == len(keys):
        return []
    groups: dict[Identity, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    gone: list[int] = []
    for copies in groups.values():
        for rows in _uses(columns, copies):
            if len(rows) > 1:
                _unite(columns, rows)
                gone += rows[1:]
    return sorted(gone)


def _uses(columns: Columns, copies: list[int]) -> list[list[int]]:
    """The copies of each use of one identity; those that tell no start belong to the first."""
    starts, durations = columns["start_us"], columns["duration_us"]
    told = sorted((row for row in copies if starts[row] > 0), key=starts.__getitem__)
    if not told or starts[told[-1]] - starts[told[0]] <= REUSED_US:
        return [copies]
    uses, reach = [[row for row in copies if starts[row] <= 0]], starts[told[0]]
    for row in told:
        if starts[row] > reach + REUSED_US:
            uses.append([])
        uses[-1].append(row)
        reach = max(reach, starts[row] + max(durations[row], 0))
    return uses


def _unite(columns: Columns, rows: list[int]) -> None:
    """Put what the ``rows`` say together into the first of them."""

    def values(name: str) -> list[Any]:
        column = columns[name]
        return [column[row] for row in rows]

    first = rows[0]
    finished = [row for row in rows if not columns["unfinished"][row]]
    best = max(finished or rows, key=lambda row: _text(columns, row))
    united: dict[str, Any] = {
        "start_us": min((start for start in values("start_us") if start > 0), default=0),
        "duration_us": max(columns["duration_us"][row] for row in finished or rows),
        "unfinished": int(not finished),
        "error": max(columns["error"][row] for row in finished or rows),
        "name": columns["name"][best] or max(values("name")),
        "flags": _bits(values("flags")),
        "foreign": min(values("foreign")),
    }
    for name in ("tags", "attrs"):
        maps = sorted(values(name), key=lambda found: sorted(found.items()))
        united[name] = {key: value for found in (*maps, columns[name][best]) for key, value in found.items()}
    for name, most in (("annotations", limits.ANNOTATIONS_MAX + 1), ("links", limits.LINKS_MAX + 1)):
        found = values(name)
        same = all(other == found[0] for other in found)
        united[name] = found[0] if same else sorted({tuple(item) for items in found for item in items})[:most]
    for name in columns.keys() - _APART:
        united[name] = columns[name][best] or max(values(name))
    for name, value in united.items():
        columns[name][first] = value


def _bits(flags: list[int]) -> int:
    found = 0
    for bits in flags:
        found |= bits
    return found


def _text(columns: Columns, row: int) -> tuple[int, str]:
    """The longer-known copy first; the text makes the choice independent of the order."""
    return columns["children"][row], repr(
        [columns[name][row] for name in sorted(columns.keys() - {"message", "index"})]
    )
