"""One trace: tree, flat, timeline, a node, statistics, events; and why a trace is not there (Q1)."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from hopline.model import Row
from hopline_query.errors import BadRequestError, NotFoundError
from hopline_query.exports.sent import STRUCTURE
from hopline_query.latency.figures import Figures, share_within
from hopline_query.params import DAY_US, Params
from hopline_query.search.ids import candidates, created_us, trace_id_of, with_halves
from hopline_query.store.port import FiguresQuery, Hint, Scope, SpanReader
from hopline_query.tree import completeness, finding, shapes
from hopline_query.tree.build import build_tree
from hopline_query.tree.node import Node, Tree

ARRIVING_US = 60_000_000
"""A trace made less than this ago may still be on its way."""

SETTLED_US = 60_000_000
"""Rows that arrived so long ago are in every table of the store."""

THINNED_US = 7 * DAY_US
"""Thinning takes no younger trace."""

AROUND_US = 1_800_000_000
"""How long before and after a call others are compared with it."""


class TreeCache:
    """The last trees that were built, so that a click into a large trace does not build it again.

    A tree is used as long as no row of its trace came since, so late rows are never hidden (T11);
    its state is judged anew by the clock.
    """

    MOST = 16
    MOST_ROWS = 200_000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, bool], tuple[Hint, Tree]] = OrderedDict()
        self._building: dict[tuple[str, bool], tuple[threading.Lock, int]] = {}

    @contextmanager
    def building(self, key: tuple[str, bool]) -> Iterator[None]:
        """One at a time builds the tree of a key: the others wait, and find it."""
        with self._lock:
            alone, waiting = self._building.get(key, (threading.Lock(), 0))
            self._building[key] = (alone, waiting + 1)
        try:
            with alone:
                yield
        finally:
            with self._lock:
                alone, waiting = self._building.pop(key)
                if waiting > 1:
                    self._building[key] = (alone, waiting - 1)

    def knows(self, key: tuple[str, bool]) -> bool:
        """Whether a tree of this trace and view was kept, out of date or not."""
        with self._lock:
            return key in self._known

    def get(self, key: tuple[str, bool], hint: Hint) -> Tree | None:
        """The tree of this trace and view, if it is still whole."""
        with self._lock:
            known = self._known.get(key)
            if known is None or known[0] != hint:
                return None
            self._known.move_to_end(key)
            return known[1]

    def put(self, key: tuple[str, bool], hint: Hint, tree: Tree) -> None:
        """Keep a tree, and let the oldest go when there are too many rows."""
        with self._lock:
            self._known[key] = (hint, tree)
            self._known.move_to_end(key)
            while len(self._known) > self.MOST or sum(t.rows for _, t in self._known.values()) > self.MOST_ROWS:
                self._known.popitem(last=False)


def load(reader: SpanReader, text: str, params: Params, instrumented: frozenset[str], cache: TreeCache) -> Tree:
    """The tree of a trace, under any spelling of its id.

    Raises :class:`NotFoundError` that says what the id tells, :class:`BadRequestError` for no id.
    """
    for trace_id in _candidates(text, params):
        key = (trace_id, params.flag("adjust"))
        with cache.building(key):
            tree = _kept(reader, key, params, instrumented, cache) or _read(reader, key, params, instrumented, cache)
        if tree is not None:
            return tree
    raise _missing(reader, text, params)


def _kept(
    reader: SpanReader, key: tuple[str, bool], params: Params, instrumented: frozenset[str], cache: TreeCache
) -> Tree | None:
    """The tree as it was built for an earlier question, if no row came since."""
    hint = reader.hint(key[0]) if cache.knows(key) else None
    tree = cache.get(key, hint) if hint is not None else None
    if tree is None:
        return None
    services = instrumented | {row.service for node in tree.nodes for row in node.rows}
    return replace(tree, state=completeness.state(tree, params.now_us, services))


def _are_all(rows: Sequence[Row], hint: Hint, params: Params) -> bool:
    """Whether ``rows`` are all that ``hint`` tells of: the store shows the one before the other for a moment.

    Copies of rows that fell together in the store are missing for good, so what came a while ago counts as all.
    """
    return len(rows) >= min(hint.spans, params.settings.trace_rows) or params.now_us - hint.arrived > SETTLED_US


def _read(
    reader: SpanReader, key: tuple[str, bool], params: Params, instrumented: frozenset[str], cache: TreeCache
) -> Tree | None:
    hint, rows = reader.trace(key[0], params.settings.trace_rows + 1)
    if hint is None:
        return None
    tree = _build(rows, hint, params, instrumented)
    if _are_all(rows, hint, params):
        cache.put(key, hint, tree)
    return tree


def _build(rows: list[Row], hint: Hint, params: Params, instrumented: frozenset[str]) -> Tree:
    tree = build_tree(
        rows,
        now_us=params.now_us,
        adjust=params.flag("adjust"),
        limit=params.settings.trace_rows,
        skew_cap_us=params.settings.skew_cap_us,
        instrumented=instrumented,
    )
    tree.closed, tree.linked_from = hint.closed, hint.linked_from
    return tree


def mark(tree: Tree, params: Params, release: str) -> str:
    """An entity tag of :func:`trace`: the same as long as no row came, the trace's state stays and the same is asked.

    A weak one (RFC 9110, 8.8.1): ``freshness`` is not what it stands for.
    """
    newest = max((row.arrived for node in tree.nodes for row in node.rows), default=0)
    asked = sorted((name, params.text(name)) for name in params.names())
    facts = (release, tree.trace_id, tree.state, tree.total_rows, newest, tree.closed, tree.linked_from, asked)
    return f'W/"{blake2b(repr(facts).encode("utf-8", "replace"), digest_size=12).hexdigest()}"'


def read(reader: SpanReader, text: str, params: Params) -> list[Row]:
    """The rows of a trace under any spelling of its id."""
    for trace_id in _candidates(text, params):
        hint, rows = reader.trace(trace_id, params.settings.trace_rows + 1)
        if hint is not None:
            return rows
    raise _missing(reader, text, params)


def _candidates(text: str, params: Params) -> list[str]:
    """The ids under which a trace may be stored. Raises :class:`BadRequestError` for no id."""
    known = candidates(text)
    if not params.settings.strict_trace_ids:
        known = with_halves(known)
    if not known:
        raise BadRequestError("not a trace id, traceparent, b3 value or trace URL", field="trace_id", column=1)
    return known


def _missing(reader: SpanReader, text: str, params: Params) -> NotFoundError:
    known = _candidates(text, params)
    # The digest of another tracer's own id tells no time.
    made = created_us(known[0]) if trace_id_of(text) else None
    old = made is None or params.now_us - made > THINNED_US
    thinned = old and any(reader.thinned(trace_id) for trace_id in known)
    return _missing_since(known[0], made, params, thinned=thinned)


def _missing_since(trace_id: str, made: int | None, params: Params, *, thinned: bool) -> NotFoundError:
    """Why nothing is stored under an id: by when it was made, where that is known, and by what thinning took."""
    now_us, settings = params.now_us, params.settings
    age = now_us - made if made is not None else None
    if thinned:
        when = f"made {ago(age)} ago; " if age is not None else ""
        reason, message = "thinned", f"{when}of such old days only failed, slow and chosen traces and a sample are kept"
    elif age is None:
        reason, message = "unknown", "no row of this trace was received"
    elif age < -ARRIVING_US:
        reason, message = "future", f"the id says that it will be made in {ago(-age)}: no id of ours"
    elif age < ARRIVING_US:
        reason, message = "arriving", f"made {ago(max(age, 0))} ago: its rows may still be arriving"
    elif age > settings.retention_us:
        kept = ago(settings.retention_us)
        reason, message = "expired", f"made {ago(age)} ago, and traces are kept for {kept} unless they are pinned"
    else:
        reason, message = "not_received", f"made {ago(age)} ago, but no row came: it was not sampled, or was lost"
    detail = {"trace_id": trace_id, "reason": reason, "created_us": made, "age_us": age}
    return NotFoundError(message, field="trace_id", detail=detail | {"retention_us": settings.retention_us})


def ago(microseconds: int) -> str:
    """A duration in words: 4 s, 12 days."""
    seconds = microseconds // 1_000_000
    for length, one, many in ((86_400, "day", "days"), (3_600, "h", "h"), (60, "min", "min")):
        if seconds >= length:
            count = seconds // length
            return f"{count} {one if count == 1 else many}"
    return f"{seconds} s"


def trace(tree: Tree, params: Params) -> dict[str, Any]:
    """The answer in the shape that was asked for."""
    shape = params.choice("shape", ("tree", "flat", "timeline"), "tree")
    root, focus = _named(tree, params, "root"), _named(tree, params, "focus")
    if shape == "tree":
        return shapes.tree_json(tree, root)
    make = shapes.flat_json if shape == "flat" else shapes.timeline_json
    limit = params.number("limit", 0, 1, 10**6) or None
    return make(tree, root, params.number("offset", 0, 0, 10**9), limit, focus)


def node(reader: SpanReader, tree: Tree, key: str) -> dict[str, Any]:
    """What the side panel shows of one node."""
    found = tree.find(key)
    if found is None:
        raise NotFoundError("this trace has no such span", field="key")
    siblings = found.parent.children if found.parent else tree.roots
    return {
        "trace_id": tree.trace_id,
        "node": shapes.indexed_json(found, tree),
        "siblings": {"index": next(i for i, n in enumerate(siblings) if n is found), "count": len(siblings)},
        "parent": found.parent.key if found.parent else None,
        "children": [_child(child, tree) for child in found.children],
        "annotations": _annotations(found, tree),
        "tags": _tags(found),
        "percentile": _percentile(reader, found),
    }


def _percentile(reader: SpanReader, found: Node) -> float | None:
    """How many per cent of the operation's calls took no longer, of those around this one; None where none is known."""
    row = found.inner
    if row is None or row.duration_us is None:
        return None
    scope = Scope(max(0, row.start_us - AROUND_US), row.start_us + AROUND_US, row.env, "true")
    asked = FiguresQuery(scope, "all", row.service, row.name, row.kind, "operation")
    figures, _, _ = reader.figures(asked)
    total = Figures()
    for found_figures in figures.values():
        total.add(found_figures)
    return share_within(total.hist, row.duration_us)


def statistics(tree: Tree, by: str) -> dict[str, Any]:
    """Nodes grouped by service, name or a tag: counts, times, self times."""
    groups: dict[str, list[Node]] = {}
    for item in tree.nodes:
        if item.inner is not None:
            groups.setdefault(_group(item, by), []).append(item)
    whole = sum(item.self_us for item in tree.nodes) or 1
    found = [_statistics(value, nodes, whole) for value, nodes in groups.items()]
    found.sort(key=lambda g: (-g["self_us"], g["value"]))
    return {"trace_id": tree.trace_id, "by": by, "groups": found}


def events(tree: Tree, limit: int) -> dict[str, Any]:
    """Every annotation of the trace in time order."""
    found = sorted(
        (
            {**note, "node": item.key, "service": row.service, "name": row.name}
            for item in tree.nodes
            for row in item.rows
            for note in _notes(item, row, tree)
        ),
        key=lambda e: (e["ts_us"], e["node"], e["key"], e["value"]),
    )
    return {"trace_id": tree.trace_id, "events": found[:limit], "truncated": len(found) > limit}


def found(tree: Tree, params: Params) -> dict[str, Any]:
    """Where in pre-order, from ``root`` on, the calls stand that ``words`` mean."""
    texts = finding.texts(tree)[shapes.within(_named(tree, params, "root"))]
    return {"trace_id": tree.trace_id, "found": finding.find(texts, params.text("words")), "of": len(texts)}


def _named(tree: Tree, params: Params, field: str) -> Node | None:
    key = params.text(field)
    if not key:
        return None
    found = tree.find(key)
    if found is None:
        raise NotFoundError("this trace has no such span", field=field)
    return found


def _child(child: Node, tree: Tree) -> dict[str, Any]:
    value = shapes.node_json(child, tree)
    return {name: value[name] for name in ("key", "span_id", "service", "name", "duration_us", "error", "placeholder")}


def _annotations(found: Node, tree: Tree) -> list[dict[str, Any]]:
    notes = [note | {"side": row.kind} for row in found.rows for note in _notes(found, row, tree)]
    return sorted(notes, key=lambda n: (n["ts_us"], n["key"], n["value"]))


def _notes(item: Node, row: Row, tree: Tree) -> list[dict[str, Any]]:
    """The annotations of one side of a call, moved with it where the tree was adjusted for skew."""
    moved = item.moved_us(row)
    return [
        {"ts_us": ts + moved, "offset_us": ts + moved - tree.start_us, "key": k, "value": v}
        for ts, k, v in row.annotations
    ]


def _tags(found: Node) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": value, "side": row.kind, "indexed": indexed}
        for row in found.rows
        for values, indexed in ((row.tags, True), (row.attrs, False))
        for key, value in sorted(values.items())
        if key not in STRUCTURE
    ]


def _group(item: Node, by: str) -> str:
    assert item.inner is not None
    if by in {"service", "name", "kind", "instance", "zone"}:
        return str(getattr(item.inner, by))
    return next((v[by] for row in item.rows for v in (row.tags, row.attrs) if by in v), "")


def _statistics(value: str, nodes: list[Node], whole: int) -> dict[str, Any]:
    times = [item.end - item.start for item in nodes]
    own = sum(item.self_us for item in nodes)
    return {
        "value": value,
        "count": len(nodes),
        "errors": sum(item.error for item in nodes),
        "total_us": sum(times),
        "avg_us": round(sum(times) / len(times), 1),
        "min_us": min(times),
        "max_us": max(times),
        "self_us": own,
        "self_avg_us": round(own / len(times), 1),
        "self_share": round(own / whole, 6),
    }
