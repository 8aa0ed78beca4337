"""Where the nodes of a dependency map stand: a layered drawing, left to right.

The four steps of Sugiyama, Tagawa and Toda (1981): turn around the edges that
close a cycle, give each node a rank by its longest path, order the ranks by
barycentres over dummy nodes, then choose heights that keep edges straight. The
result depends on the set of nodes and edges alone, not on their order, so a
refresh with other figures moves nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Final

import networkx as nx

NODE_WIDTH: Final = 168
NODE_HEIGHT: Final = 68
RANK_GAP: Final = 112
"""Room between two ranks, for the figures on edges."""
ROW_GAP: Final = 30
DUMMY_HEIGHT: Final = 14
MARGIN: Final = 24
SWEEPS: Final = 8
PASSES: Final = 6

Key = tuple[str, ...]
"""A node is ``(name,)``; the dummy of an edge at a rank is ``(caller, callee, rank)``."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node's box; ``x`` and ``y`` are its upper left corner."""

    name: str
    x: float
    y: float
    rank: int


@dataclass(frozen=True, slots=True)
class Route:
    """An edge's way: points from the caller's border to the callee's.

    ``back`` edges close a cycle and run against the reading direction; a
    ``loop`` is a call of a service to itself.
    """

    caller: str
    callee: str
    points: tuple[tuple[float, float], ...]
    back: bool = False
    loop: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The drawing: everything lies within ``0..width`` and ``0..height``."""

    width: float
    height: float
    places: tuple[Place, ...]
    routes: tuple[Route, ...]


def lay_out(nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> Layout:
    """Place ``nodes`` and route ``edges`` (caller, callee); ends that are no nodes are added."""
    pairs = sorted(set(edges))
    ends = {end for pair in pairs for end in pair}
    return _beside(_joined(sorted(ends), pairs), sorted(set(nodes) - ends))


def _joined(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> Layout:
    forward, turned = _acyclic(names, [pair for pair in pairs if pair[0] != pair[1]])
    ranks = _ranks(names, forward)
    chains = {pair: _chain(pair, ranks) for pair in forward}
    layers = _order(names, ranks, chains)
    heights = _heights(layers, chains)
    return _draw(names, pairs, ranks=ranks, chains=chains, middle=heights, turned=turned)


def _beside(layout: Layout, alone: Sequence[str]) -> Layout:
    """Nodes without edges, as a block below the others: as wide as they are, or about twice as wide as high."""
    if not alone:
        return layout
    step_x, step_y = NODE_WIDTH + RANK_GAP, NODE_HEIGHT + ROW_GAP
    depth = max((place.rank for place in layout.places), default=-1) + 1
    columns = min(len(alone), max(depth, round((2 * len(alone) * step_y / step_x) ** 0.5), 1))
    top = layout.height - MARGIN + ROW_GAP if layout.places else MARGIN
    block = tuple(
        Place(name, float(MARGIN + at % columns * step_x), round(top + at // columns * step_y, 1), at % columns)
        for at, name in enumerate(alone)
    )
    width = max(layout.width, block[columns - 1].x + NODE_WIDTH + MARGIN)
    places = tuple(sorted((*layout.places, *block), key=lambda place: place.name))
    return Layout(width, block[-1].y + NODE_HEIGHT + MARGIN, places, layout.routes)


def _acyclic(
    names: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> tuple[list[tuple[str, str]], set[tuple[str, str]]]:
    """Edges that all run forward, and those of the originals that were turned around for it."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from(pairs)
    position: dict[str, int] = {}
    for component in nx.strongly_connected_components(graph):
        position.update({name: at for at, name in enumerate(_unroll(graph, component))})
    member = {name: at for at, c in enumerate(nx.strongly_connected_components(graph)) for name in c}
    turned = {(a, b) for a, b in pairs if member[a] == member[b] and position[a] > position[b]}
    forward = {(b, a) if (a, b) in turned else (a, b) for a, b in pairs}
    return sorted(forward), turned


def _unroll(graph: "nx.DiGraph[str]", component: set[str]) -> list[str]:
    """A line-up of a cycle's members with few edges against it (Eades, Lin and Smyth 1993, greedy)."""
    if len(component) == 1:
        return list(component)
    outside = {name: sum(caller not in component for caller in graph.predecessors(name)) for name in component}
    left = set(component)
    line: list[str] = []
    while left:
        best = min(left, key=lambda name: (-outside[name] if not line else 0, _surplus(graph, name, left), name))
        line.append(best)
        left.remove(best)
    return line


def _surplus(graph: "nx.DiGraph[str]", name: str, left: set[str]) -> int:
    """Incoming minus outgoing edges among those still to be lined up."""
    return sum(n in left for n in graph.predecessors(name)) - sum(n in left for n in graph.successors(name))


def _ranks(names: Sequence[str], forward: Sequence[tuple[str, str]]) -> dict[str, int]:
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from(forward)
    ranks: dict[str, int] = {}
    for name in nx.lexicographical_topological_sort(graph):
        ranks[name] = max((ranks[caller] + 1 for caller in graph.predecessors(name)), default=0)
    return ranks


def _chain(pair: tuple[str, str], ranks: dict[str, int]) -> list[Key]:
    """The edge's nodes rank by rank: its caller, a dummy in each rank between, its callee."""
    caller, callee = pair
    dummies: list[Key] = [(caller, callee, str(rank)) for rank in range(ranks[caller] + 1, ranks[callee])]
    return [(caller,), *dummies, (callee,)]


def _order(names: Sequence[str], ranks: dict[str, int], chains: dict[tuple[str, str], list[Key]]) -> list[list[Key]]:
    """The ranks' members from top to bottom after barycentre sweeps to and fro."""
    depth = max(ranks.values(), default=-1) + 1
    layers: list[list[Key]] = [[] for _ in range(depth)]
    for name in names:
        layers[ranks[name]].append((name,))
    for (caller, _), chain in chains.items():
        for at, key in enumerate(chain[1:-1], start=ranks[caller] + 1):
            layers[at].append(key)
    before, after = _neighbours(chains)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        sides = before if down else after
        for at in range(1, depth) if down else range(depth - 2, -1, -1):
            fixed = {key: row for row, key in enumerate(layers[at - 1 if down else at + 1])}
            rows = {key: row for row, key in enumerate(layers[at])}
            layers[at].sort(key=lambda key: (_centre(sides.get(key, []), fixed, rows[key]), key))
    return layers


def _neighbours(chains: dict[tuple[str, str], list[Key]]) -> tuple[dict[Key, list[Key]], dict[Key, list[Key]]]:
    before: dict[Key, list[Key]] = {}
    after: dict[Key, list[Key]] = {}
    for chain in chains.values():
        for left, right in pairwise(chain):
            after.setdefault(left, []).append(right)
            before.setdefault(right, []).append(left)
    return before, after


def _centre(around: list[Key], rows: dict[Key, int], own: int) -> float:
    return fmean(rows[key] for key in around) if around else float(own)


def _heights(layers: Sequence[Sequence[Key]], chains: dict[tuple[str, str], list[Key]]) -> dict[Key, float]:
    """The middle of every node: as near to its neighbours as the rank's order and gaps allow."""
    before, after = _neighbours(chains)
    middle: dict[Key, float] = {}
    for layer in layers:
        middle.update(zip(layer, _spread([0.0] * len(layer), layer), strict=True))
    for turn in range(PASSES):
        sides = before if turn % 2 == 0 else after
        for layer in layers if turn % 2 == 0 else reversed(layers):
            wishes = [_median([middle[n] for n in sides.get(key, [])], middle[key]) for key in layer]
            middle.update(zip(layer, _spread(wishes, layer), strict=True))
    return middle


def _median(values: list[float], fallback: float) -> float:
    if not values:
        return fallback
    values.sort()
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


def _spread(wishes: Sequence[float], layer: Sequence[Key]) -> list[float]:
    """The places nearest to ``wishes`` (least squares) that keep order and gaps.

    Subtracting each node's least offset turns the gaps into "not decreasing";
    pooling adjacent violators is then exact (Ayer et al. 1955).
    """
    offsets = [0.0]
    for above, below in pairwise(layer):
        offsets.append(offsets[-1] + (_height(above) + _height(below)) / 2 + ROW_GAP)
    blocks: list[tuple[float, int]] = []
    for wish, offset in zip(wishes, offsets, strict=False):
        value, size = wish - offset, 1
        while blocks and blocks[-1][0] > value:
            other, count = blocks.pop()
            value = (value * size + other * count) / (size + count)
            size += count
        blocks.append((value, size))
    levels = [value for value, size in blocks for _ in range(size)]
    return [level + offset for level, offset in zip(levels, offsets, strict=False)]


def _height(key: Key) -> float:
    return NODE_HEIGHT if len(key) == 1 else DUMMY_HEIGHT


def _draw(
    names: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    *,
    ranks: dict[str, int],
    chains: dict[tuple[str, str], list[Key]],
    middle: dict[Key, float],
    turned: set[tuple[str, str]],
) -> Layout:
    top = min((middle[key] - _height(key) / 2 for key in middle), default=0.0)
    # A loop is drawn above its box, so a map that has one needs that room on top.
    shift = MARGIN + (22 if any(a == b for a, b in pairs) else 0) - top
    left = {name: MARGIN + ranks[name] * (NODE_WIDTH + RANK_GAP) for name in names}
    mid = {key: round(y + shift, 1) for key, y in middle.items()}
    places = tuple(Place(n, left[n], round(mid[(n,)] - NODE_HEIGHT / 2, 1), ranks[n]) for n in names)
    routes = tuple(_route(pair, chains=chains, ranks=ranks, left=left, mid=mid, back=pair in turned) for pair in pairs)
    width = max((p.x + NODE_WIDTH for p in places), default=0.0) + MARGIN
    height = max((y + _height(key) / 2 for key, y in mid.items()), default=0.0) + MARGIN
    return Layout(width, height, places, routes)


def _route(
    pair: tuple[str, str],
    *,
    chains: dict[tuple[str, str], list[Key]],
    ranks: dict[str, int],
    left: dict[str, int],
    mid: dict[Key, float],
    back: bool,
) -> Route:
    caller, callee = pair
    if caller == callee:
        x, y = left[caller], mid[(caller,)] - NODE_HEIGHT / 2
        return Route(caller, callee, ((x + NODE_WIDTH - 44, y), (x + NODE_WIDTH - 16, y)), loop=True)
    first, last = (callee, caller) if back else (caller, callee)
    points = [(left[first] + NODE_WIDTH, mid[(first,)])]
    for at, key in enumerate(chains[(first, last)][1:-1], start=ranks[first] + 1):
        x = MARGIN + at * (NODE_WIDTH + RANK_GAP)
        points += [(x, mid[key]), (x + NODE_WIDTH, mid[key])]
    points.append((left[last], mid[(last,)]))
    if back:
        # Drawn a little lower than its counterpart, so that a call and its call back stay two lines.
        points = [(x, y + 12) for x, y in reversed(points)]
    return Route(caller, callee, tuple((float(x), round(y, 1)) for x, y in points), back=back)
