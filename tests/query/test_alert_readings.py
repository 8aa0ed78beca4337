"""What rules measure: against earlier days, what is new, what stopped; each link finds what was counted."""

from typing import Final
from urllib.parse import parse_qsl, urlsplit

import pytest

from hopline.model import Row
from hopline_query.alerts.history import DAY_US, HOUR_US, History, hours_before, usual_of
from hopline_query.alerts.judge import LATE_US, Reading, readings
from hopline_query.alerts.rules import Rule, RulesError, parse
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader

NOW: Final = 1_795_003_200_000_000 + 30 * 60_000_000 + LATE_US
"""Half past an hour."""

DROP: Final = Rule("drop", "qps", 0.5, is_floor=True, windows=(300,), against_days=7)
SLOW: Final = Rule("slow", "p99_us", 2.0, is_floor=False, windows=(300,), against_days=3)


def call(service: str, start_us: int, number: int, took_us: int = 10_000, caller: str = "") -> Row:
    named = {"caller_service": caller, "parent_id": f"{1:016x}"} if caller else {}
    shared = {"trace_id": f"{start_us % 10**12:024x}{number:08x}", "id": f"{number + 2:016x}", "span_id": ""}
    return Row(**shared, kind="server", service=service, name="op", start_us=start_us, duration_us=took_us, **named)


def days_of(service: str, days: int, calls: int, took_us: int = 10_000, caller: str = "") -> list[Row]:
    """So many calls in the hour around now, on each of the last days."""
    hour = NOW // HOUR_US * HOUR_US
    return [
        call(service, hour - day * DAY_US + n * (HOUR_US // calls), day * 1_000 + n, took_us, caller)
        for day in range(1, days + 1)
        for n in range(calls)
    ]


def lately(service: str, calls: int, took_us: int = 10_000, caller: str = "") -> list[Row]:
    """So many calls in the last five minutes that are judged."""
    return [call(service, NOW - LATE_US - 290_000_000 + n * 1_000_000, n, took_us, caller) for n in range(calls)]


def service_of(rows: list[Row]) -> QueryService:
    return QueryService(MemoryReader(rows), clock=lambda: NOW)


def read(rows: list[Row], rule: Rule) -> dict[str, Reading]:
    """Readings by their labels' values."""
    service = service_of(rows)
    return {"/".join(one.labels.values()): one for one in readings(service, rule, NOW, History(service))}


def counted(rows: list[Row], link: str) -> int:
    """How many traces the page behind a link finds."""
    count: int = service_of(rows).search(dict(parse_qsl(urlsplit(link).query)))["count"]
    return count


def test_a_rate_that_drops_is_noticed() -> None:
    """A1: under half of what is usual at this hour fires, the usual rate does not, and both say what is usual."""
    past = days_of("orders", 7, 720)
    few, many = (
        read([*past, *lately("orders", 20)], DROP)["orders"],
        read([*past, *lately("orders", 60)], DROP)["orders"],
    )
    assert (few.met, many.met) == (True, False)
    assert few.value == pytest.approx(20 / 300)
    assert few.threshold == many.threshold == pytest.approx(0.1)
    assert counted([*past, *lately("orders", 20)], few.link) == 20


def test_a_service_that_stopped_is_noticed() -> None:
    """A1: silence is a rate of 0 where calls are usual or the rule names the service; the new is not judged."""
    silent = read(days_of("orders", 2, 60), DROP)["orders"]
    assert (silent.value, silent.met) == (0.0, True)
    named = Rule("named", "qps", 0.1, is_floor=True, windows=(300,), where={"service": "orders"})
    assert read([], named)["orders"].met
    assert not read(lately("fresh", 3), DROP)["fresh"].met


def test_an_edge_that_stopped_is_noticed() -> None:
    """A1: an edge likewise."""
    pair = {"caller": "web", "callee": "orders"}
    rule = Rule("edge", "qps", 0.5, is_floor=True, windows=(300,), where=pair, against_days=2)
    past = [*days_of("web", 2, 60), *days_of("orders", 2, 60, caller="web")]
    (reading,) = read([*past, *lately("web", 5)], rule).values()
    assert (reading.value, reading.met) == (0.0, True)


def test_latency_is_held_against_the_same_hour() -> None:
    """A1: twice the usual p99 fires; its link opens the calls above the bound; one odd day does not move the median."""
    past = [
        *days_of("orders", 2, 60),
        *(row for row in days_of("orders", 3, 60, 900_000) if row.start_us < NOW - 2.7 * DAY_US),
    ]
    rows = [*past, *lately("orders", 4, 50_000)]
    slow = read(rows, SLOW)["orders"]
    assert slow.met
    assert slow.threshold == pytest.approx(20_000, rel=0.05)
    assert counted(rows, slow.link) == 4
    assert not read([*past, *lately("orders", 4)], SLOW)["orders"].met


def test_what_is_new_is_named_with_its_calls() -> None:
    """A1: services and edges without a call in the week before; in an empty store nothing is new."""
    past = [*days_of("web", 3, 10), *days_of("orders", 3, 10, caller="web")]
    now = [*lately("web", 5), *lately("orders", 5, caller="web"), *lately("stock", 4, caller="orders")]
    fresh = Rule("service", "new_services", 0, is_floor=False, windows=(600,))
    edges = Rule("edge", "new_edges", 0, is_floor=False, windows=(600,))
    found = read([*past, *now], fresh)
    assert {name: (one.value, one.met) for name, one in found.items()} == {"stock": (4, True)}
    assert counted([*past, *now], found["stock"].link) == 4
    assert {name for name, one in read([*past, *now], edges).items() if one.met} == {"orders/stock"}
    assert read(now, fresh) == read(now, edges) == {}


def test_the_past_is_asked_once_an_hour() -> None:
    """A rule is judged every second; what earlier days answered is kept."""
    service, asked = service_of(days_of("orders", 7, 10)), []
    whole = service.stats
    service.stats = lambda params: (asked.append(params["from"]), whole(params))[1]  # type: ignore[method-assign, assignment]
    history = History(service)
    for second in range(5):
        list(readings(service, DROP, NOW + second * 1_000_000, history))
    assert len(asked) == 7 + 5


def test_hours_and_medians() -> None:
    """The whole hour around the window's middle, a day, two days before; the median of the days with a value."""
    assert hours_before(HOUR_US * 50 - 5, HOUR_US * 50 + 7, 2) == [
        {"from": str(26 * HOUR_US), "to": str(27 * HOUR_US)},
        {"from": str(2 * HOUR_US), "to": str(3 * HOUR_US)},
    ]
    assert usual_of([{("a",): 1.0}, {("a",): 9.0}, {("a",): 2.0, ("b",): 5.0}]) == {("a",): 2.0, ("b",): 5.0}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ('measure = "qps"\nbelow = 0.5\nagainst = "15d"', "against is '15d'"),
        ('measure = "qps"\nbelow = 0.5\nagainst = "7h"', "against is '7h'"),
        ('measure = "qps"\nbelow = 0\nagainst = "7d"', "below is 0"),
        ('measure = "loss"\nabove = 1\nagainst = "7d"', "against: only"),
        ('measure = "new_edges"\nabove = 0\nservice = "a"', "service: measure new_edges does not take it"),
        ('measure = "canary"\nabove = 0\nenv = "a"', "env: measure canary does not take it"),
    ],
)
def test_wrong_fields_are_named(fields: str, says: str) -> None:
    """Bad input: each mistake names the rule and the field."""
    with pytest.raises(RulesError, match=says):
        parse(f'[[rule]]\nname = "r"\n{fields}\n')
