"""From one state of an alert to the next: pure, so that any process may go on where another died."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final

import msgspec

from hopline_query.alerts.judge import Reading
from hopline_query.alerts.rules import Rule

OPEN: Final = frozenset({"pending", "firing"})


@dataclass(frozen=True, slots=True)
class Change:
    """One change of an alert; the newest is its state. `healthy_us`: since when it would resolve, 0 = it would not."""

    alert: int
    sequence: int
    at_us: int
    rule: str
    state: str
    since_us: int
    value: float
    threshold: float
    labels: Mapping[str, str]
    link: str


def alert_id(rule: str, labels: Mapping[str, str]) -> int:
    """A number that every process finds for the same rule and labels."""
    packed = msgspec.json.encode([rule, sorted(labels.items())])
    return int.from_bytes(blake2b(packed, digest_size=8).digest(), "big")


def next_change(rule: Rule, reading: Reading | None, last: Change | None, now_us: int) -> Change | None:
    """The change that a reading brings, None for none; no reading at all counts as one that is not met."""
    met = reading is not None and reading.met
    state = last.state if last else "resolved"
    if state == "resolved":
        if not met:
            return None
        assert reading is not None
        return _change(rule, reading, last, "pending" if rule.for_s else "firing", now_us)
    assert last is not None
    if state == "pending":
        if not met:
            return replace(last, sequence=last.sequence + 1, at_us=now_us, state="resolved", since_us=now_us)
        assert reading is not None
        waited = now_us - last.since_us >= rule.for_s * 1_000_000
        return _change(rule, reading, last, "firing", now_us) if waited else None
    if met:
        return None
    value = last.value if reading is None or reading.value is None else float(reading.value)
    return replace(last, sequence=last.sequence + 1, at_us=now_us, state="resolved", since_us=now_us, value=value)


def _change(rule: Rule, reading: Reading, last: Change | None, state: str, now_us: int) -> Change:
    return Change(
        alert=alert_id(rule.name, reading.labels),
        sequence=last.sequence + 1 if last else 1,
        at_us=now_us,
        rule=rule.name,
        state=state,
        since_us=now_us,
        value=float(reading.value or 0.0),
        threshold=rule.threshold if reading.threshold is None else reading.threshold,
        labels=dict(reading.labels),
        link=reading.link,
    )
