"""The rules file, the states of an alert, and what a receiver gets: everything pure of alerting."""

import json
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_query.alerts import deliver, rules
from hopline_query.alerts.evaluator import simulate
from hopline_query.alerts.judge import Reading
from hopline_query.alerts.rules import Receiver, Rule, RulesError
from hopline_query.alerts.states import Change, next_change

FILE = """
[[receiver]]
name = "ops"
webhook = "http://127.0.0.1:9099/hook"
[[rule]]
name = "checkout fails"
service = "checkout"
measure = "success_rate"
below = 0.99
over = "1m"
for = "10s"
notify = ["ops"]
[[slo]]
name = "orders"
service = "orders"
target = 0.999
[[silence]]
rule = "checkout fails"
until = 2026-11-27T18:00:00Z
"""


def test_a_file_as_documented() -> None:
    """A1: receivers, rules, objectives and silences."""
    found = rules.parse(FILE)
    first, *burns = found.rules
    assert (first.windows, first.for_s, first.is_floor, first.where) == ((60,), 10, True, {"service": "checkout"})
    assert [(rule.windows, round(1 - rule.threshold, 4)) for rule in burns] == [
        ((3_600, 300), 0.0144), ((21_600, 1_800), 0.006), ((259_200, 21_600), 0.001)
    ]  # fmt: skip
    assert found.silences[0].covers("checkout fails", {}, 1_795_000_000_000_000)
    assert not found.silences[0].covers("other", {}, 1_795_000_000_000_000)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('measure = "success_rate"', 'measure = "luck"'), "measure is 'luck'"),
        (("below = 0.99", ""), "below, above"),
        (("below = 0.99", "below = 0.9\nabove = 1"), "below, above"),
        (("below = 0.99", 'below = "much"'), "below is 'much'"),
        (("below = 0.99", "below = nan"), "below is nan"),
        (("below = 0.99", "below = 99"), "below is 99: success_rate goes from 0 to 1"),
        (('measure = "success_rate"\nbelow = 0.99', 'measure = "qps"\nabove = inf'), "above is inf"),
        (('name = "checkout fails"', 'name = " "'), "rule ' ': name is blank"),
        (('over = "1m"', 'over = "1 minute"'), "over is '1 minute'"),
        (('over = "1m"', 'over = "15s"'), "multiple of 10s"),
        (('notify = ["ops"]', 'notify = ["nobody"]'), "no receiver 'nobody'"),
        (('service = "checkout"', 'servcie = "checkout"'), "no field servcie"),
        (("http://127.0.0.1:9099/hook", "ftp://x"), "no address of http or https"),
        (("http://127.0.0.1:9099/hook", "http://[x"), "no address"),
        (("[[silence]]", "[silence]"), "[[silence]]"),
        (("[[slo]]", "[[slos]]"), "no [[slos]]"),
        (("target = 0.999", "target = 99.9"), "target is 99.9"),
        (("until = 2026-11-27T18:00:00Z", ""), "until is missing"),
        (('service = "checkout"', 'caller = "a"'), "a caller and a callee"),
        (('name = "ops"', ""), "name is missing"),
        (('name = "ops"', 'name = "ops'), "line"),
    ],
)
def test_a_wrong_file_is_refused_by_field(change: tuple[str, str], says: str) -> None:
    """A1: each mistake names the entry and the field."""
    with pytest.raises(RulesError, match=re.escape(says)):
        rules.parse(FILE.replace(*change))


RULE = Rule("r", "success_rate", 0.99, is_floor=True, for_s=10)


def reading(value: float | None) -> Reading:
    return Reading({"service": "a"}, value, RULE.met(value), "/search?service=a")


def states(rule: Rule, values: list[float | None], step_s: int = 5) -> list[str]:
    last: Change | None = None
    seen = []
    for number, value in enumerate(values):
        change = next_change(rule, reading(value), last, number * step_s * 1_000_000)
        if change:
            last = change
            seen.append(change.state)
    return seen


def test_pending_firing_resolved() -> None:
    """A1: what is met long enough fires once, and resolves once."""
    assert states(RULE, [1.0, 0.5, 0.5, 0.5, 0.5, 1.0, 1.0]) == ["pending", "firing", "resolved"]
    assert states(RULE, [0.5, 1.0, 0.5, None]) == ["pending", "resolved", "pending", "resolved"]
    assert states(replace(RULE, for_s=0), [0.5, 0.5, 1.0]) == ["firing", "resolved"]


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=60))
def test_changes_alternate(values: list[float | None]) -> None:
    """A1: whatever is read, an alert never fires twice in a row, and its sequence has no gap."""
    seen = [state for state in states(RULE, values) if state != "pending"]
    firing = [i for i, state in enumerate(seen) if state == "firing"]
    assert all(b - a > 1 for a, b in pairwise(firing))


def test_a_trial_on_history() -> None:
    """A1: `hopline alerts test` says when a rule would have fired."""
    points = [(i * 10_000_000, v) for i, v in enumerate([1.0, 0.5, 0.4, 1.0, 0.9, None, 0.2])]
    fired = simulate(replace(RULE, for_s=20), points, 10_000_000)
    assert fired == [{"from_us": 30_000_000, "to_us": 30_000_000, "value": 0.4}]


CHANGE = Change(7, 2, 5, "r<b>\n", "firing", 4, 0.5, 0.99, {"service": "a\x1b[2J"}, "/search?service=a")


def test_bodies() -> None:
    """A1: the body of a webhook, and those that chat services read; stored text cannot leave its line."""
    body = deliver.body_of(CHANGE, "https://t.example")
    assert (body["state"], body["since_us"], body["link"]) == ("firing", 4, "/search?service=a")
    assert body["url"] == "https://t.example/search?service=a"
    shapes = {form: json.dumps(deliver._shaped(form, CHANGE, "")) for form in ("slack", "feishu", "dingtalk")}
    assert "r&lt;b&gt;" in shapes["slack"]
    assert all("\\u001b" not in shape for shape in shapes.values())
    assert deliver._for_alertmanager(CHANGE, "")["labels"]["alertname"] == "r<b>\n"


def test_a_receiver_that_is_away() -> None:
    """A1: no answer is an error of the delivery, to be tried again."""
    with pytest.raises(deliver.DeliveryError):
        deliver.send(Receiver("x", webhook="http://127.0.0.1:9/"), CHANGE, "")
    with pytest.raises(deliver.DeliveryError):
        deliver.send(Receiver("x", smtp="smtp://127.0.0.1:9", sender="a@b", to=("c@d",)), CHANGE, "")
