"""Which part of a dependency map is drawn: all of it, what fails or is busiest, or groups of services."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final
from unicodedata import east_asian_width

from hopline_ui.service import Answer

SMALL: Final = 30
"""Nodes that are drawn all at once where nobody chose otherwise."""
SEEDS: Final = 6
"""Failing or busiest nodes that the first view is about ..."""
MOST: Final = 24
"""... and how many it has with their neighbours."""
LEAST_GROUP: Final = 3
MOST_BOXES: Final = 48
OTHERS: Final = "…"
GROUP: Final = "group:"
VIEWS: Final = ("hot", "groups", "all")
NO_TEAMS: Final[Mapping[str, str]] = MappingProxyType({})

_WIDE: Final = 1.85
"""Letters of usual width in the room of an ideograph, and of a broad letter."""
_BROAD: Final = 1.35
_WIDE_LETTERS: Final = frozenset("@%MWm—")
_BROAD_LETTERS: Final = frozenset("w<>&{}#=+~*…")
_LEAST_LETTERS: Final = 6

_WORD = re.compile(r"[^-._/: ]+")
_ELISION = re.compile(r"[-._/: …]*…[-._/: …]*")
_PREFIX = re.compile(r"(?:[a-z]+:)?([^-._/:]+)[-._/:]")


def chosen_view(asked: str, nodes: int, most_all: int, *, focused: bool) -> str:
    """The view that is shown: the asked one where it can be drawn, else by size."""
    if focused and nodes <= most_all:
        return "all"
    if asked in VIEWS and not (asked == "all" and nodes > most_all):
        return asked
    if asked == "all":
        return "groups"
    return "all" if nodes <= min(SMALL, most_all) else "hot"


def hot(graph: Answer, bad_rate: float) -> set[str]:
    """What fails most, then what is busiest, each with its neighbours, up to :data:`MOST` nodes."""
    around: dict[str, dict[str, int]] = {node["name"]: {} for node in graph["nodes"]}
    for edge in graph["edges"]:
        for one, other in ((edge["caller"], edge["callee"]), (edge["callee"], edge["caller"])):
            if one != other:
                around.setdefault(one, {})[other] = max(around.get(one, {}).get(other, 0), edge["calls"])
    ranked = sorted(graph["nodes"], key=lambda node: _heat(node, bad_rate))
    found: set[str] = set()
    for node in [n for n in ranked if n["kind"] != "user"][:SEEDS]:
        nearest = sorted(around[node["name"]].items(), key=lambda item: (-item[1], item[0]))
        for name in [node["name"], *(name for name, _ in nearest)]:
            if len(found) < MOST:
                found.add(name)
    return found


def _heat(node: Answer, bad_rate: float) -> tuple[bool, float, int, str]:
    rate = node["error_rate"] or 0.0
    errors = node["errors"] or 0
    failing = rate >= bad_rate and errors > 0
    return (not failing, -errors if failing else 0.0, -(node["calls"] or 0), node["name"])


def part(graph: Answer, names: Collection[str]) -> Answer:
    """The graph between ``names`` alone; a node tells how many of its neighbours are not drawn."""
    hidden: Counter[str] = Counter()
    for edge in graph["edges"]:
        for one, other in ((edge["caller"], edge["callee"]), (edge["callee"], edge["caller"])):
            if one in names and other not in names:
                hidden[one] += 1
    nodes = [
        {**node, "hidden_neighbours": node["hidden_neighbours"] + hidden[node["name"]]}
        for node in graph["nodes"]
        if node["name"] in names
    ]
    edges = [edge for edge in graph["edges"] if edge["caller"] in names and edge["callee"] in names]
    return {**graph, "nodes": nodes, "edges": edges}


def prefix(name: str) -> str:
    """What a name begins with before its first separator; empty for a name of one word."""
    found = _PREFIX.match(name)
    return found[1] if found else ""


def group_of(names: Iterable[str], opened: Collection[str], teams: Mapping[str, str] = NO_TEAMS) -> dict[str, str]:
    """Name -> box: services that begin alike share one, unless it was opened; the smallest are one box at last.

    With ``teams``, the group of each service by its name, those decide, and two are enough.
    """
    names = list(names)
    begins = {name: teams.get(name, "") if teams else prefix(name) for name in names}
    sizes = Counter(begins.values())
    least = 2 if teams else LEAST_GROUP
    boxes = {
        name: f"{GROUP}{begin}" if begin and sizes[begin] >= least and begin not in opened else name
        for name, begin in begins.items()
    }
    members = Counter(boxes.values())
    kept = {box for box, _ in sorted(members.items(), key=lambda item: (-item[1], item[0]))[:MOST_BOXES]}
    kept |= {name for name in names if begins[name] in opened}
    if OTHERS in opened or len(members) <= MOST_BOXES:
        return boxes
    return {name: box if box in kept else f"{GROUP}{OTHERS}" for name, box in boxes.items()}


def grouped(graph: Answer, opened: Collection[str], teams: Mapping[str, str] = NO_TEAMS) -> Answer:
    """The graph of boxes: calls and failures between them added up, averages weighted by calls."""
    boxes = group_of((node["name"] for node in graph["nodes"]), opened, teams)
    nodes: dict[str, Answer] = {}
    for node in graph["nodes"]:
        box = boxes[node["name"]]
        nodes[box] = _added(
            nodes.get(box), {**node, "name": box, "label": _label(node, box, "" if teams else "-*"), "members": 1}
        )
    edges: dict[tuple[str, str], Answer] = {}
    for edge in graph["edges"]:
        ends = (boxes.get(edge["caller"], edge["caller"]), boxes.get(edge["callee"], edge["callee"]))
        if ends[0] != ends[1] or edge["caller"] == edge["callee"]:
            edges[ends] = _added(edges.get(ends), {**edge, "caller": ends[0], "callee": ends[1], "members": 1})
    return {**graph, "nodes": list(nodes.values()), "edges": list(edges.values())}


def _label(node: Answer, box: str, rest: str) -> str:
    if box == node["name"]:
        return str(node["label"] or node["name"])
    begin = box.removeprefix(GROUP)
    return begin if begin == OTHERS else f"{begin}{rest}"


SUMS: Final = ("calls", "errors", "status_4xx", "slow", "qps_in", "qps_out", "calls_per_s", "sampled")
NO_SUMS: Final = ("p50_us", "p90_us", "p99_us", "p999_us", "apdex", "callers", "network_us")


def _added(one: Answer | None, other: Answer) -> Answer:
    """Two entries of a box as one; percentiles of several cannot be told."""
    if one is None:
        return {**other, "kind": "group"} if other["members"] > 1 else other
    both: dict[str, Any] = {**one, "members": one["members"] + 1}
    if "label" in one:
        both["kind"] = "group"
    for name in SUMS:
        if name in one:
            both[name] = (one[name] or 0) + (other[name] or 0)
    for name in NO_SUMS:
        if name in one:
            both[name] = None
    calls = both["calls"]
    times = [(entry["avg_us"], entry["calls"]) for entry in (one, other) if entry["avg_us"] is not None]
    both["avg_us"] = sum(avg * n for avg, n in times) / (sum(n for _, n in times) or 1) if times else None
    both["error_rate"] = both["errors"] / calls if calls else None
    if "success_rate" in one:
        both["success_rate"] = 1 - both["error_rate"] if calls else None
    return both


def short_names(names: Iterable[str], letters: int) -> dict[str, str]:
    """Names cut to the room of ``letters`` of usual width, no two to the same text.

    Words that most names share tell nothing apart, so they go first, then the middle; a number tells
    apart what is still alike.
    """
    distinct = sorted(set(names))
    shared = _shared(distinct)
    found: dict[str, str] = {}
    whole = {name for name in distinct if _width(name) <= letters}
    used = set(whole)
    for name in distinct:
        if name in whole:
            found[name] = name
            continue
        room = max(_LEAST_LETTERS, min(letters, int(letters * len(name) / _width(name))))
        short = next(text for text in _cuts(name, shared, room) if text not in used)
        used.add(short)
        found[name] = short
    return found


def _width(text: str) -> float:
    """Letters of usual width that take as much room; narrow ones count whole."""
    return sum(_letter_width(letter) for letter in text)


def _letter_width(letter: str) -> float:
    if letter in _WIDE_LETTERS or east_asian_width(letter) in "WF":
        return _WIDE
    return _BROAD if letter.isupper() or letter in _BROAD_LETTERS else 1.0


def _shared(names: list[str]) -> set[str]:
    """Words that more than half of at least :data:`LEAST_GROUP` names have."""
    if len(names) <= LEAST_GROUP:
        return set()
    counts = Counter(word for name in names for word in set(_WORD.findall(name)))
    return {word for word, count in counts.items() if count > len(names) / 2}


def _cuts(name: str, shared: set[str], letters: int) -> Iterable[str]:
    """Ever rougher short forms of a name, without end."""
    told = _ELISION.sub("…", _WORD.sub(lambda found: "…" if found[0] in shared else found[0], name)).strip("…")
    told = told if len(told) > 1 else name
    if len(told) <= letters:
        yield told
    for tail in (letters // 2, letters * 3 // 4, letters // 4, letters - 2):
        yield f"{told[: letters - 1 - tail]}…{told[max(len(told) - tail, 0) :]}"
    number = 2
    while True:
        end = f"…{number}"
        yield told[: letters - len(end)] + end
        number += 1
