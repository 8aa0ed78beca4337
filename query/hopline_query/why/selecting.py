"""Which calls of a trace a structural query selects, and what its stage tells of them (docs/structure.md)."""

from collections.abc import Iterable, Iterator, Mapping
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from hopline.model import Row
from hopline_query.search.fields import FIELDS, number
from hopline_query.search.filter import And, Expression, Not, Or, Term
from hopline_query.search.matching import Found, row_meets
from hopline_query.tree.node import Node, Tree
from hopline_query.why.critical import quantile
from hopline_query.why.structure import Calls, Joined, Related, Spansets, Stage

COMPARE: Mapping[str, Any] = {">=": ge, "<=": le, "!=": ne, "=": eq, ">": gt, "<": lt}


def selected(tree: Tree, spansets: Spansets, found: Found) -> list[Node]:
    """The calls that a query selects in one trace, in pre-order. Linear in the calls for each pair of braces."""
    chosen = _select(tree, spansets, found)
    return [node for node in tree.nodes if node.index in chosen]


def call_meets(node: Node, condition: Expression | None, found: Found) -> bool:
    """True where one call meets a whole condition, each term by the row of either side."""
    match condition:
        case None:
            return not node.placeholder
        case Term():
            return any(row_meets(row, condition, found) for row in node.rows)
        case Not(inner):
            return not node.placeholder and not call_meets(node, inner, found)
        case And(parts):
            return all(call_meets(node, part, found) for part in parts)
        case Or(parts):
            return any(call_meets(node, part, found) for part in parts)


def told(calls: Iterable[tuple[Tree, Node]], stage: Stage, range_us: int) -> list[list[Any]]:
    """One row a group, ``[*by, value]``, the largest value first. Durations and rates: microseconds, calls a second."""
    groups: dict[tuple[str, ...], list[float]] = {}
    for _, node in calls:
        values = [1.0] if not stage.key else _numbers(node, stage.key)
        if values:
            groups.setdefault(tuple(value_of(node, key) or "" for key in stage.by), []).append(values[0])
    rows: list[list[Any]] = [[*group, _measured(values, stage, range_us)] for group, values in groups.items()]
    if not groups and not stage.by and stage.measure in {"count", "rate"}:
        rows = [[0]]
    if stage.compare:
        rows = [row for row in rows if COMPARE[stage.compare](row[-1], stage.bound)]
    return sorted(rows, key=lambda row: (-row[-1], row[:-1]))


def value_of(node: Node, key: str) -> str | None:
    """What a call holds under a key: the callee's side first; None where neither side has it."""
    return next(_texts(reversed(node.rows), key), None)


def _texts(rows: Iterable[Row], key: str) -> Iterator[str]:
    for row in rows:
        if key in FIELDS:
            yield from FIELDS[key].texts(row)
        elif key in row.tags:
            yield row.tags[key]
        elif key in row.attrs:
            yield row.attrs[key]


def _numbers(node: Node, key: str) -> list[float]:
    """The number of a call under a key; of its duration that of the outer bar."""
    if key == "duration":
        return [] if node.placeholder or node.unfinished else [float(node.end - node.start)]
    return [value for text in _texts(reversed(node.rows), key) if (value := number(text)) is not None][:1]


def _measured(values: list[float], stage: Stage, range_us: int) -> float:
    match stage.measure:
        case "count":
            return len(values)
        case "rate":
            return round(len(values) * 1_000_000 / range_us, 6)
        case "avg":
            return round(sum(values) / len(values), 6)
        case "sum":
            return sum(values)
        case "min":
            return min(values)
        case "max":
            return max(values)
        case level:
            return quantile(sorted(values), float(f"0.{level[1:]}"))


def _select(tree: Tree, spansets: Spansets, found: Found) -> set[int]:
    match spansets:
        case Calls(condition):
            return {node.index for node in tree.nodes if call_meets(node, condition, found)}
        case Joined(op, parts):
            chosen = [_select(tree, part, found) for part in parts]
            if op == "&&" and not all(chosen):
                return set()
            return set().union(*chosen)
        case Related(left, relation, right):
            near = _related(tree, _select(tree, left, found), relation.removeprefix("!"))
            candidates = _select(tree, right, found)
            return candidates - near if relation.startswith("!") else candidates & near


def _related(tree: Tree, left: set[int], relation: str) -> set[int]:
    """All calls that stand to one of ``left`` as the relation says."""
    nodes = tree.nodes
    match relation:
        case ">":
            return {node.index for node in nodes if node.parent is not None and node.parent.index in left}
        case "<":
            return {node.parent.index for node in nodes if node.index in left and node.parent is not None}
        case ">>":
            below: set[int] = set()
            for node in nodes:
                if node.parent is not None and (node.parent.index in left or node.parent.index in below):
                    below.add(node.index)
            return below
        case "<<":
            above: set[int] = set()
            for node in reversed(nodes):
                if node.parent is not None and (node.index in left or node.index in above):
                    above.add(node.parent.index)
            return above
        case _:
            count: dict[int, int] = {}
            for node in nodes:
                if node.index in left and node.parent is not None:
                    count[node.parent.index] = count.get(node.parent.index, 0) + 1
            return {n.index for n in nodes if n.parent is not None and count.get(n.parent.index, 0) > (n.index in left)}
