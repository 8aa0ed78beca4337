"""What a rule measures now: one reading for each alert that the rule could raise."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from hopline_collector import known_trace
from hopline_query.alerts.history import KNOWN_US, History, Key, hours_before
from hopline_query.alerts.rules import LATENCIES, Rule
from hopline_query.service import QueryService

SLOT_US: Final = 10_000_000
"""Figures are kept by ten seconds: windows begin and end between two slots."""

LATE_US: Final = 4_000_000
"""How long rows of a slot are waited for: a link must count later what was judged now."""

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of a rule, and the page that shows what it counts."""

    labels: Mapping[str, str]
    value: float | None
    met: bool
    link: str = ""
    threshold: float | None = None
    """What the value was held against, where that is not the rule's own."""


@dataclass(frozen=True, slots=True)
class _Asking:
    """Whom a rule asks, and over which window."""

    service: QueryService
    history: History
    rule: Rule
    window: Mapping[str, str]

    @property
    def seconds(self) -> float:
        return _seconds(self.window)

    def condition(self, *names: str) -> dict[str, str]:
        """Those of the rule's conditions, as far as it has them."""
        return {name: self.rule.where[name] for name in names if name in self.rule.where}

    def usual(self, ask: Callable[[Mapping[str, str]], Mapping[Key, float]]) -> dict[Key, float]:
        """What `ask` finds at this hour of the days before; empty for a rule with a threshold of its own."""
        if not self.rule.against_days:
            return {}
        before = hours_before(int(self.window["from"]), int(self.window["to"]), self.rule.against_days)
        return self.history.usual((self.rule.name, self.rule.measure), before, ask)


def readings(service: QueryService, rule: Rule, now_us: int, history: History) -> Iterator[Reading]:
    """Judge `rule` over its windows up to the last full slot. Raises QueryError."""
    end = (now_us - LATE_US) // SLOT_US * SLOT_US
    found: dict[tuple[tuple[str, str], ...], list[Reading]] = {}
    for seconds in rule.windows:
        window = {"from": str(end - seconds * 1_000_000), "to": str(end)}
        for reading in _MEASURES[rule.measure](_Asking(service, history, rule, window)):
            found.setdefault(tuple(sorted(reading.labels.items())), []).append(reading)
    for several in found.values():
        first = several[0]
        met = len(several) == len(rule.windows) and all(reading.met for reading in several)
        yield Reading(first.labels, first.value, met, first.link, first.threshold)


def _of_figures(asking: _Asking) -> Iterator[Reading]:
    if "callee" in asking.rule.where:
        yield from _of_edge(asking)
        return
    asked, measure = asking.condition("service", "operation", "env"), asking.rule.measure

    def entries(window: Mapping[str, str]) -> list[Answer]:
        found: list[Answer] = asking.service.stats({**window, **asked, "limit": "5000"})["services"]
        return found

    def values(window: Mapping[str, str]) -> dict[Key, float]:
        known = {(str(e["service"]),): _value(measure, e, _seconds(window), asked) for e in entries(window)}
        return {key: value for key, value in known.items() if value is not None}

    usual = asking.usual(values)
    silent = {*usual, *([(asked["service"],)] if "service" in asked else [])} if measure == "qps" else set()
    for entry in entries(asking.window):
        silent.discard((entry["service"],))
        yield _of_entry(asking, entry, asked, usual.get((entry["service"],)))
    for (name,) in sorted(silent):
        labels = {**asked, "service": name}
        yield _reading(asking, labels, 0.0, {**labels, "entry": "true"}, usual.get((name,)))


def _of_entry(asking: _Asking, entry: Answer, asked: Mapping[str, str], usual: float | None) -> Reading:
    rule, labels = asking.rule, {**asked, "service": str(entry["service"])}
    value = _value(rule.measure, entry, asking.seconds, asked)
    conditions = {**labels, "entry": "true"}
    if rule.measure in LATENCIES and not rule.is_floor:
        conditions["min_span_duration"] = f"{int(rule.bound(usual))}us"
    if rule.measure != "success_rate":
        return _reading(asking, labels, value, conditions, usual)
    if value != entry["success_rate"]:
        env = {name: asked[name] for name in ("env",) if name in asked}
        seen = {"callee": labels["service"], "errors": "true", **env}
        return _reading(asking, labels, value, seen, usual)
    return _reading(asking, labels, value, {**conditions, "errors": "true"}, usual)


def _value(measure: str, entry: Answer, seconds: float, asked: Mapping[str, str]) -> float | None:
    """The rate is over the whole window; success is the worse of the service's own and its callers' view."""
    if measure == "qps":
        return float(entry["calls"] / seconds)
    own: float | None = entry[measure]
    told = None if measure != "success_rate" or "operation" in asked else entry.get("callers")
    seen: float | None = told["success_rate"] if told else None
    return seen if seen is not None and (own is None or seen < own) else own


def _of_edge(asking: _Asking) -> Iterator[Reading]:
    rule, env, pair = asking.rule, asking.condition("env"), asking.condition("caller", "callee")

    def edge_in(window: Mapping[str, str]) -> Answer | None:
        edges = asking.service.dependencies({**window, **env})["edges"]
        return next((edge for edge in edges if {name: edge[name] for name in pair} == pair), None)

    def value_of(edge: Answer | None, seconds: float) -> float | None:
        if rule.measure == "qps":
            return edge["calls"] / seconds if edge else 0.0
        rate = None if edge is None or edge["error_rate"] is None else 1.0 - edge["error_rate"]
        return rate if rule.measure == "success_rate" or edge is None else edge.get(rule.measure)

    def values(window: Mapping[str, str]) -> dict[Key, float]:
        value = value_of(edge_in(window), _seconds(window))
        return {} if value is None else {(): value}

    edge = edge_in(asking.window)
    failing = {"errors": "true"} if rule.measure == "success_rate" else {}
    if edge is not None or rule.measure == "qps":
        value = value_of(edge, asking.seconds)
        yield _reading(asking, {**pair, **env}, value, {**pair, **env, **failing}, asking.usual(values).get(()))


def _of_error_groups(asking: _Asking) -> Iterator[Reading]:
    """How many kinds of failure were seen for the first time: none like them in the week before."""
    begin, end = int(asking.window["from"]), int(asking.window["to"])
    asked = asking.condition("service", "operation")
    known = asking.service.errors({**asked, "from": str(max(0, end - KNOWN_US)), "to": str(end), "limit": "1000"})
    new: dict[str, int] = dict.fromkeys([asked["service"]] if "service" in asked else [], 0)
    for group in known["groups"]:
        if group["first_seen_us"] >= begin:
            new[group["service"]] = new.get(group["service"], 0) + 1
    for name, count in new.items():
        labels = {**asked, "service": name}
        yield _reading(asking, labels, count, {**labels, "errors": "true"})


def _of_new_services(asking: _Asking) -> Iterator[Reading]:
    """The calls of each service that was not there in the week before the window."""
    env = asking.condition("env")
    known = asking.history.services(int(asking.window["from"]), env)
    for entry in asking.service.stats({**asking.window, **env, "limit": "5000"})["services"] if known else ():
        if (entry["service"],) not in known:
            labels = {**env, "service": entry["service"]}
            yield _reading(asking, labels, entry["calls"], {**labels, "entry": "true"})


def _of_new_edges(asking: _Asking) -> Iterator[Reading]:
    """The calls of each edge that was not there in the week before the window."""
    env = asking.condition("env")
    known = asking.history.edges(int(asking.window["from"]), env)
    for edge in asking.service.dependencies({**asking.window, **env})["edges"] if known else ():
        if (edge["caller"], edge["callee"]) not in known:
            labels = {**env, "caller": edge["caller"], "callee": edge["callee"]}
            yield _reading(asking, labels, edge["calls"], labels)


def _of_loss(asking: _Asking) -> Iterator[Reading]:
    rule = asking.rule
    lost: dict[str, int] = dict.fromkeys([rule.where["service"]] if "service" in rule.where else [], 0)
    for process in asking.service.freshness()["dropping"]:
        if rule.where.get("service", process["service"]) == process["service"]:
            lost[process["service"]] = lost.get(process["service"], 0) + process["dropped"]
    for name, count in lost.items():
        yield Reading({"service": name}, count, rule.met(count), "/system")


def _of_delay(asking: _Asking) -> Iterator[Reading]:
    value = asking.service.freshness()["behind_s"]
    yield Reading({}, value, asking.rule.met(value), "/system")


def _of_canary(asking: _Asking) -> Iterator[Reading]:
    """How many ways of the process that judges found its last known trace wrong; no value where none is sent."""
    value = asking.service.wrong_ways()
    yield Reading({}, value, asking.rule.met(value), f"/search?service={known_trace.SERVICE}&load_test=only")


def _reading(
    asking: _Asking,
    labels: Mapping[str, str],
    value: float | None,
    conditions: Mapping[str, str],
    usual: float | None = None,
) -> Reading:
    """`conditions` are those of the search that finds the calls of `value` in the window."""
    rule, link = asking.rule, f"/search?{urlencode({**conditions, **asking.window})}"
    return Reading(labels, value, rule.met(value, usual), link, rule.bound(usual))


def _seconds(window: Mapping[str, str]) -> float:
    return (int(window["to"]) - int(window["from"])) / 1e6


_MEASURES: Final[Mapping[str, Callable[[_Asking], Iterator[Reading]]]] = {
    **dict.fromkeys(("success_rate", "qps", *LATENCIES), _of_figures),
    "error_groups": _of_error_groups,
    "new_services": _of_new_services,
    "new_edges": _of_new_edges,
    "loss": _of_loss,
    "behind_s": _of_delay,
    "canary": _of_canary,
}
