"""Arrows of the map: what both sides of the calls between two nodes told, as one (D1)."""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from hopline_query.latency.figures import WEIGHT, Figures, scaled
from hopline_query.store.port import RECEIVED, Edge
from hopline_query.topology.aggregate import USER, VIRTUAL


@dataclass(slots=True)
class Link:
    """Calls of one pair of nodes, as each side told them; figures in thousandths of a call.

    A refused or timed out call is one that its caller alone knows: so the calls are those of the
    side that told more of them, and the failures those that the callers saw, where callers reported.
    """

    caller: str
    callee: str
    server: Figures = field(default_factory=Figures)
    client: Figures = field(default_factory=Figures)
    cross_zone: int = 0

    @property
    def calls(self) -> int:
        """Each call once, whichever side told of it."""
        return max(self.client.calls, self.server.calls)

    @property
    def errors(self) -> int:
        """Failures as the callers saw them; the callee's where no caller reported."""
        return (self.client if self.client.rows else self.server).errors

    @property
    def unreceived(self) -> int:
        """Calls that the callee never told of."""
        return max(0, self.client.calls - self.server.calls)

    @property
    def timed(self) -> Figures:
        """The side whose durations stand for the call: the callee's, where it reported."""
        return self.server if self.server.rows else self.client

    @property
    def sampled(self) -> int:
        """Rows behind the calls."""
        return max(self.client.rows, self.server.rows)

    @property
    def estimated(self) -> bool:
        """True where sampling took part."""
        return any(side.calls != side.rows * WEIGHT for side in (self.client, self.server))


def links_of(edges: Iterable[Edge], ends: Callable[[Edge], tuple[str, str]]) -> dict[tuple[str, str], Link]:
    """The edges of every side joined; ``ends`` names the two nodes of one."""
    found: dict[tuple[str, str], Link] = {}
    for edge in edges:
        pair = ends(edge)
        link = found.get(pair)
        if link is None:
            link = found[pair] = Link(*pair)
        (link.server if edge.side in RECEIVED else link.client).add(edge.figures)
        link.cross_zone += edge.cross_zone
    return found


def kind_of(name: str) -> str:
    """Kind of a node by its key."""
    head = name.partition(":")[0]
    if name == USER:
        return "user"
    return head if head in VIRTUAL and ":" in name else "service"


def reporting_services(edges: Iterable[Edge], known: AbstractSet[str]) -> AbstractSet[str]:
    """Services that reported at any time, or report calls in these edges."""
    return known | {edge.caller for edge in edges if edge.side in {"client", "producer"}}


def callee_key(edge: Edge, reporting: AbstractSet[str]) -> str:
    """The callee's node: what only its callers tell of, and never reported itself, is external (D1)."""
    outside = edge.side not in RECEIVED and kind_of(edge.callee) == "service" and edge.callee not in reporting
    return f"external:{edge.callee}" if outside else edge.callee


def seen_by_callers(edges: Iterable[Edge], reporting: AbstractSet[str]) -> dict[str, Figures]:
    """Service -> calls to it as its callers told them; services of which no caller reported are left out.

    Counts alone.
    """
    found: dict[str, Figures] = {}
    for edge in edges:
        callee = callee_key(edge, reporting)
        if edge.side not in RECEIVED and kind_of(callee) == "service":
            seen, more = found.setdefault(callee, Figures()), edge.figures
            seen.calls, seen.errors, seen.rows = (
                seen.calls + more.calls,
                seen.errors + more.errors,
                seen.rows + more.rows,
            )
    return found


def callers_json(name: str, told: Mapping[str, Figures]) -> dict[str, Any] | None:
    """The block ``callers`` of a service: how it does as its callers see it, null where none reported."""
    figures = told.get(name)
    if figures is None:
        return None
    rate = round(1 - figures.errors / figures.calls, 6) if figures.calls else None
    return {"calls": scaled(figures.calls), "errors": scaled(figures.errors), "success_rate": rate}
