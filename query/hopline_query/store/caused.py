"""Causes of failures from what was written as traces settled, and which traces are left to their rows (docs/why.md)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from string import Template
from typing import Any, Final

from hopline_query.store.asking import Asker, statement
from hopline_query.store.conditions import Conditions, Listed
from hopline_query.store.moving import NEVER_US, Moved
from hopline_query.store.port import Naming, SearchQuery, Slots
from hopline_query.store.trace_search import COVERING, INSIDE, OVERLAPPING, STRADDLES, SURE, current, indexed_keys
from hopline_query.why.causes import Cause, Trouble

SEPARATOR: Final = "\0"

LEFT: Final = 1_000
"""Traces that are left to their rows; where there are more, all are."""

MOVING: Final = 2_000
"""Failing traces that are read from their rows while too many traces move to be kept in memory."""


_TOLD: Final = (
    "(trace_id, version) IN (SELECT trace_id, settled FROM $database.settled_causes"
    " WHERE began_us >= {from_us:UInt64} - 86400000000 AND began_us < {to_us:UInt64})"
)
"""The causes of the trace were written. What began more than a day before the range is left to its rows."""


class WrittenCauses:
    """The causes of the settled traces that a search for failing ones finds."""

    def __init__(
        self,
        asker: Asker,
        query: SearchQuery,
        moved: Moved,
        conditions: Conditions,
        listed: Listed,
    ) -> None:
        self._asker = asker
        self._conditions = conditions
        whole = [*conditions.whole(query), *current(moved, conditions)]
        told = [listed.told] if listed.told else []
        inside, straddling = (INSIDE, STRADDLES) if query.by_any_row else (SURE, COVERING)
        self._words = {"inside": " AND ".join([inside, *told, *whole, *listed.met])}
        self._words["chosen"] = f"SELECT trace_id, version FROM $database.settled WHERE {self._words['inside']}"
        left = " AND ".join([straddling, *told, *whole, *listed.possible])
        if told:
            left += f" OR {' AND '.join([OVERLAPPING, f'NOT {listed.told}', *whole])}"
        bounds = {"from_us": query.scope.from_us, "to_us": query.scope.to_us, "moved_after": NEVER_US}
        conditions.parameters.update(bounds)
        found = self._ask(
            "caused",
            straddling=left,
            most=str(LEFT + 1),
            told=_TOLD,
        )
        self.traces, self._began, self.services, self._places = 0, 0, frozenset[str](), list[str]()
        self.left: list[str] = []
        """Traces that only their rows tell of."""
        for kind, traces, began, texts in found:
            if kind == 0:
                self.traces, self._began, self.services = int(traces), int(began), frozenset(texts)
            elif kind == 1:
                self._places = list(texts)
            else:
                self.left += texts

    @property
    def addresses(self) -> frozenset[str]:
        """See :class:`hopline_query.store.port.SettledCauses`."""
        return frozenset(place.partition(SEPARATOR)[2] for place in self._places) - {""}

    def groups(self, name: Naming, slots: Slots) -> dict[Trouble, Cause]:
        """See :class:`hopline_query.store.port.SettledCauses`."""
        if not self.traces:
            return {}
        places = {place: name(*place.split(SEPARATOR, 1)) for place in self._places}
        words = {"places": self._texts(places), "names": self._texts(places.values())} if places else _NO_PLACES
        times = {
            "began": self._began,
            "slots_from": slots.from_us,
            "slots_width": slots.width_us,
            "slots": slots.number,
        }
        found = {}
        for row in self._ask("caused_groups", times, **words):
            cause = _cause(row)
            found[cause.trouble] = cause
        return found

    def holding(self, wanted: str, name: Naming, most: int) -> list[str]:
        """See :class:`hopline_query.store.port.SettledCauses`."""
        bind = self._conditions.bind
        parts = []
        for trouble in self.groups(name, Slots(0, 1, 1)):
            if trouble.id == wanted:
                told = ("operation", "error_type", "text", "caller")
                same = [f"{column} = unhex({bind(getattr(trouble, column).encode().hex())})" for column in told]
                nodes = [trouble.service] if not trouble.caller else []
                places = [p for p in self._places if trouble.caller and name(*p.split(SEPARATOR, 1)) == trouble.service]
                of_place = f"concat(node, '\\0', address) IN {self._texts(places)}" if places else "0"
                same.append(f"node = {bind(nodes[0])}" if nodes else of_place)
                parts.append(f"({' AND '.join(same)})")
        if not parts:
            return []
        found = self._ask("caused_traces", {"most": most, "began": self._began}, wanted=" OR ".join(parts))
        return [row[0] for row in found]

    def _texts(self, texts: Any) -> str:
        """Texts with zero bytes, which no parameter takes as they are."""
        bound = self._conditions.bind([text.encode().hex() for text in texts], "Array(String)")
        return f"arrayMap(text -> unhex(text), {bound})"

    def _ask(self, name: str, more: Mapping[str, Any] | None = None, **words: str) -> list[tuple[Any, ...]]:
        text = Template(statement(name)).safe_substitute(self._words | words)
        return self._asker.rows(text, self._conditions.parameters | dict(more or {}))


_NO_PLACES: Final = {"places": "['']", "names": "['']"}


def written(asker: Asker, query: SearchQuery, moved: Moved) -> WrittenCauses | None:
    """None where rows are to be asked which traces are meant, or too many are left to them."""
    conditions = Conditions(indexed_keys(asker, query))
    listed = conditions.listed(query)
    found = WrittenCauses(asker, query, moved, conditions, listed) if listed is not None else None
    return found if found is not None and len(found.left) <= LEFT else None


def _cause(row: Sequence[Any]) -> Cause:
    who, operation, error_type, text, caller, count, echoes, traces, hurt, recovered, uids, entries, *rest = row
    versions, first_us, newest, trend = rest
    cause = Cause(Trouble(who, operation, error_type, text, caller))
    cause.count, cause.echoes, cause.traces = int(count), int(echoes), int(traces)
    cause.hurt, cause.recovered, cause.users = int(hurt), int(recovered), set(uids)
    for entry, number in entries.items():
        service, _, name = entry.partition(SEPARATOR)
        cause.entries[service, name] = int(number)
    cause.versions = Counter({version: int(number) for version, number in versions.items()})
    cause.trend = Counter({int(slot): int(number) for slot, number in trend.items()})
    cause.first_us, cause.newest = int(first_us), (int(newest[0]), newest[1])
    return cause
