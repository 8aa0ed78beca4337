"""The rules file (TOML): receivers, rules, objectives and silences, checked field by field.

Burn rates over several windows follow chapter 5 of Google's SRE workbook: 2 % of a 30-day budget in an hour
(14.4 times too fast), 5 % in six hours (6), 10 % in three days (1), each confirmed by a twelfth of its window.
"""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

LATENCIES: Final = ("p50_us", "p95_us", "p99_us", "avg_us")
MEASURES: Final = (
    "success_rate",
    *LATENCIES,
    "qps",
    "error_groups",
    "new_services",
    "new_edges",
    "loss",
    "behind_s",
    "canary",
)
FORMATS: Final = ("generic", "slack", "feishu", "dingtalk")

_CONDITIONS: Final = ("service", "operation", "caller", "callee", "env")
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SETTINGS: Final = {
    "new_services": {"env"},
    "new_edges": {"env"},
    "loss": {"service"},
    "behind_s": set(),
    "canary": set(),
}
"""Conditions of measures that do not take all of them."""

_COMPARED: Final = ("success_rate", *LATENCIES, "qps")
_MOST_DAYS: Final = 14
_BURNS: Final = ((3_600, 300, 14.4), (21_600, 1_800, 6.0), (259_200, 21_600, 1.0))
_LONGEST_S: Final = 7 * 86_400
_SLOT_S: Final = 10


class RulesError(ValueError):
    """The file cannot be used; the message names the entry and the field."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is told: by a webhook, by mail, or through an Alertmanager."""

    name: str
    webhook: str = ""
    format: str = "generic"
    smtp: str = ""
    sender: str = ""
    to: tuple[str, ...] = ()
    alertmanager: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `windows` are seconds, and it is met when every one of them is beyond the threshold."""

    name: str
    measure: str
    threshold: float
    is_floor: bool
    """Met below the threshold; else above it."""
    windows: tuple[int, ...] = (300,)
    for_s: int = 0
    notify: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    against_days: int = 0
    """Where not 0, the threshold is a factor on what is usual at this hour of the day, over so many days."""

    def bound(self, usual: float | None = None) -> float:
        """What a value is held against."""
        return self.threshold if usual is None else self.threshold * usual

    def met(self, value: float | None, usual: float | None = None) -> bool:
        """Whether a value is beyond the threshold; without calls there is none, and nothing usual without a past."""
        if value is None or (self.against_days and usual is None):
            return False
        return value < self.bound(usual) if self.is_floor else value > self.bound(usual)


@dataclass(frozen=True, slots=True)
class Silence:
    """Until when nobody is told of an alert; empty rule: of any."""

    rule: str
    where: Mapping[str, str]
    from_us: int
    until_us: int

    def covers(self, rule: str, labels: Mapping[str, str], now_us: int) -> bool:
        """Whether it holds for this alert now."""
        named = self.rule in {"", rule} and all(labels.get(key) == value for key, value in self.where.items())
        return named and self.from_us <= now_us < self.until_us


@dataclass(frozen=True, slots=True)
class Rules:
    """All of a file."""

    receivers: Mapping[str, Receiver]
    rules: tuple[Rule, ...]
    silences: tuple[Silence, ...]


def parse(text: str) -> Rules:
    """The rules of a file's text. Raises RulesError."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RulesError(str(error)) from None
    unknown = set(table) - {"receiver", "rule", "slo", "silence"}
    if unknown:
        raise RulesError(f"there is no [[{min(unknown)}]]: use receiver, rule, slo, silence")
    receivers = {found.name: found for found in (_receiver(entry) for entry in _entries(table, "receiver"))}
    rules = [_rule(entry) for entry in _entries(table, "rule")]
    rules += [rule for entry in _entries(table, "slo") for rule in _objective(entry)]
    for rule in rules:
        for name in rule.notify:
            if name not in receivers:
                raise RulesError(f"rule {rule.name!r}: notify: there is no receiver {name!r}")
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise RulesError(f"rule {name!r}: name: two rules have it")
    return Rules(receivers, tuple(rules), tuple(_silence(entry) for entry in _entries(table, "silence")))


class _Entry:
    """One table of the file; what is never read is a mistake."""

    def __init__(self, kind: str, number: int, values: Any) -> None:
        self.place = f"{kind} {number}"
        if not isinstance(values, dict):
            raise RulesError(f"{self.place}: write it as [[{kind}]]")
        self._values = dict(values)
        name = values.get("name")
        if isinstance(name, str) and name:
            self.place = f"{kind} {name!r}"

    def take(self, field_name: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
        value = self._values.pop(field_name, default)
        if value is None:
            raise RulesError(f"{self.place}: {field_name} is missing")
        if not isinstance(value, kind) or isinstance(value, bool):
            raise RulesError(f"{self.place}: {field_name} is {value!r}: expected {_said(kind)}")
        return value

    def text(self, field_name: str, default: str | None = None) -> str:
        value: str = self.take(field_name, str, default)
        if default is None and not value.strip():
            raise RulesError(f"{self.place}: {field_name} is blank")
        return value

    def seconds(self, field_name: str, default: str) -> int:
        text = self.text(field_name, default)
        found = re.fullmatch(r"(\d{1,6})([smhd])", text)
        if not found or not int(found[1]) * _UNITS[found[2]] <= _LONGEST_S:
            raise RulesError(f"{self.place}: {field_name} is {text!r}: expected such as 30s, 5m, 2h, at most 7d")
        return int(found[1]) * _UNITS[found[2]]

    def days(self, field_name: str) -> int:
        """``7d`` as 7; 0 where the field is not there."""
        text = self.text(field_name, "")
        found = re.fullmatch(r"(\d{1,3})d", text)
        if text and not (found and 1 <= int(found[1]) <= _MOST_DAYS):
            raise RulesError(f"{self.place}: {field_name} is {text!r}: expected 1d to {_MOST_DAYS}d")
        return int(found[1]) if found else 0

    def texts(self, field_name: str) -> tuple[str, ...]:
        values = self.take(field_name, list, [])
        if not all(isinstance(value, str) for value in values):
            raise RulesError(f"{self.place}: {field_name}: expected a list of texts")
        return tuple(values)

    def where(self) -> dict[str, str]:
        return {name: self.text(name) for name in _CONDITIONS if name in self._values}

    def end(self) -> None:
        if self._values:
            raise RulesError(f"{self.place}: there is no field {min(self._values)}")


def _entries(table: Mapping[str, Any], kind: str) -> Iterator[_Entry]:
    values = table.get(kind, [])
    if not isinstance(values, list):
        raise RulesError(f"{kind}: write it as [[{kind}]]")
    return (_Entry(kind, number, value) for number, value in enumerate(values, 1))


def _receiver(entry: _Entry) -> Receiver:
    found = Receiver(
        name=entry.text("name"),
        webhook=entry.text("webhook", ""),
        format=entry.text("format", "generic"),
        smtp=entry.text("smtp", ""),
        sender=entry.text("from", ""),
        to=entry.texts("to"),
        alertmanager=entry.text("alertmanager", ""),
    )
    entry.end()
    if sum(map(bool, (found.webhook, found.smtp, found.alertmanager))) != 1:
        raise RulesError(f"{entry.place}: name one of webhook, smtp, alertmanager")
    if found.format not in FORMATS:
        raise RulesError(f"{entry.place}: format is {found.format!r}: use {', '.join(FORMATS)}")
    if found.smtp and not (found.sender and found.to):
        raise RulesError(f"{entry.place}: a mail needs from and to")
    schemes = {"smtp", "smtps"} if found.smtp else {"http", "https"}
    address = found.webhook or found.alertmanager or found.smtp
    try:
        parts = urlsplit(address)
        good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not address.isascii() or not address.isprintable() or " " in address:
        raise RulesError(f"{entry.place}: {address!r} is no address of {' or '.join(sorted(schemes))}")
    return found


def _rule(entry: _Entry) -> Rule:
    name, measure = entry.text("name"), entry.text("measure")
    if measure not in MEASURES:
        raise RulesError(f"{entry.place}: measure is {measure!r}: use {', '.join(MEASURES)}")
    bounds = {bound: float(entry.take(bound, (int, float))) for bound in ("below", "above") if bound in entry._values}  # noqa: SLF001
    if len(bounds) != 1:
        raise RulesError(f"{entry.place}: name one of below, above")
    ((bound, threshold),) = bounds.items()
    where = entry.where()
    window = entry.seconds("over", "5m")
    if window < _SLOT_S or window % _SLOT_S:
        raise RulesError(f"{entry.place}: over is {window}s: expected a multiple of {_SLOT_S}s")
    for_s, notify = entry.seconds("for", "0s"), entry.texts("notify")
    days = entry.days("against")
    entry.end()
    _check_where(entry.place, measure, where)
    if days and measure not in _COMPARED:
        raise RulesError(f"{entry.place}: against: only {', '.join(_COMPARED)} are held against earlier days")
    if not math.isfinite(threshold):
        raise RulesError(f"{entry.place}: {bound} is {threshold}: no value is ever beyond it")
    if measure == "success_rate" and not days and not 0.0 <= threshold <= 1.0:
        raise RulesError(f"{entry.place}: {bound} is {threshold:g}: success_rate goes from 0 to 1")
    if days and threshold <= 0:
        raise RulesError(f"{entry.place}: {bound} is {threshold:g}: with against it is a factor above 0")
    return Rule(name, measure, threshold, bound == "below", (window,), for_s, notify, where, days)


def _check_where(place: str, measure: str, where: Mapping[str, str]) -> None:
    if ("caller" in where) != ("callee" in where):
        raise RulesError(f"{place}: an edge has a caller and a callee")
    if "caller" in where and {"service", "operation"} & set(where):
        raise RulesError(f"{place}: name a service or an edge, one of them")
    if "caller" in where and measure not in {"success_rate", "qps", "p50_us", "p99_us", "avg_us"}:
        raise RulesError(f"{place}: measure: an edge has success_rate, qps, p50_us, p99_us, avg_us")
    if extra := set(where) - _SETTINGS.get(measure, set(_CONDITIONS)):
        raise RulesError(f"{place}: {min(extra)}: measure {measure} does not take it")
    if "operation" in where and "service" not in where:
        raise RulesError(f"{place}: operation: name its service too")


def _objective(entry: _Entry) -> Iterator[Rule]:
    """Three rules of an objective, one for each speed at which its budget burns."""
    name, target = entry.text("name"), float(entry.take("target", (int, float)))
    if not 0.0 < target < 1.0:
        raise RulesError(f"{entry.place}: target is {target}: expected more than 0 and less than 1")
    where, notify = entry.where(), entry.texts("notify")
    entry.end()
    _check_where(entry.place, "success_rate", where)
    for long_s, short_s, factor in _BURNS:
        threshold = max(1.0 - factor * (1.0 - target), 0.0)
        suffix = f"{long_s // 3_600}h"
        yield Rule(f"{name} ({suffix})", "success_rate", threshold, is_floor=True, windows=(long_s, short_s),
                   notify=notify, where=where)  # fmt: skip


def _silence(entry: _Entry) -> Silence:
    rule, where = entry.text("rule", ""), entry.where()
    times = {name: entry.take(name, datetime) for name in ("from", "until") if name in entry._values}  # noqa: SLF001
    entry.text("comment", "")
    entry.end()
    if "until" not in times:
        raise RulesError(f"{entry.place}: until is missing")
    if any(time.tzinfo is None for time in times.values()):
        raise RulesError(f"{entry.place}: write times with their zone, such as 2026-11-27T18:00:00Z")
    begin = times.get("from")
    return Silence(rule, where, _us(begin) if begin else 0, _us(times["until"]))


def _us(time: datetime) -> int:
    return int(time.timestamp() * 1_000_000)


def _said(kind: type | tuple[type, ...]) -> str:
    names = {str: "a text", list: "a list", datetime: "a time", int: "a number", float: "a number"}
    return names[kind[0] if isinstance(kind, tuple) else kind]
