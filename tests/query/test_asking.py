"""What is remembered of the store's answers, and for how long."""

import pytest

from hopline_query.service import QueryService
from hopline_query.store import asking
from hopline_query.store.asking import Asker
from hopline_query.store.reader import ClickHouseReader

START = 1_763_800_000_000_000
NAMES = "SELECT DISTINCT toString(service) FROM $database.service_names ORDER BY 1"


@pytest.fixture
def asked(engine, monkeypatch):
    """Statements that the store was asked."""
    found = []
    ask = engine.ask
    monkeypatch.setattr(asking, "ALONE_SECONDS", 3_600.0)  # however slow the machine is
    monkeypatch.setattr(engine, "ask", lambda *given: found.append(given) or ask(*given))
    return found


def test_an_answer_is_remembered_until_something_is_stored(engine, row, store_rows, asked):
    """The same question is asked once; after an insert again, and at another time again."""
    asker = Asker(engine)
    store_rows([row("0", "a", service="first")])
    assert asker.remembered(NAMES, {}) == asker.remembered(NAMES, {}) == [("first",)]
    assert len(asked) == 1
    store_rows([row("0", "b", service="second")])
    assert asker.remembered(NAMES, {}) == [("first",), ("second",)]
    assert len(asked) == 2


def test_an_old_answer_is_asked_again(engine, asked, monkeypatch):
    """What others may have changed meanwhile lasts as long as it says."""
    asker = Asker(engine)
    monkeypatch.setattr(asking, "ALONE_SECONDS", 0.0)
    assert asker.remembered(NAMES, {}) == asker.remembered(NAMES, {}) == []
    assert len(asked) == 2


def test_what_is_remembered_is_bounded(engine, asked, monkeypatch):
    """The answer that was asked for longest ago goes first; one that is too large for all of it is not kept."""
    asker = Asker(engine)
    monkeypatch.setattr(asking, "REMEMBERED_ROWS", 5)
    for number in (1, 2, 1, 3, 1, 2):
        assert asker.remembered("SELECT {number:UInt8}", {"number": number}) == [(number,)]
    assert [given[1]["number"] for given in asked] == [1, 2, 3, 2]
    asker.remembered("SELECT number FROM numbers(10)", {})
    asker.remembered("SELECT number FROM numbers(10)", {})
    assert len(asked) == 6


def test_figures_and_names_are_those_of_now(engine, row, store_rows, asked):
    """D1, L1, Q4: menus, figures, map and a trace cost no second statement, and show a row as soon as it is stored."""
    service = QueryService(ClickHouseReader(engine), clock=lambda: START + 600_000_000)
    trace_id = row("0").trace_id

    def answers() -> list[object]:
        return [
            [one["calls"] for one in service.services()["services"]],
            [one["calls"] for one in service.operations({"service": "a"})["operations"]],
            [one["calls"] for one in service.stats()["services"]],
            [node["calls"] for node in service.dependencies()["nodes"] if node["kind"] == "service"],
            service.trace(trace_id)["received"],
        ]

    store_rows([row("0", "a", kind="server", children=1)])
    assert answers() == answers() == [[1], [1], [1], [1], 1]
    asked.clear()
    answers()
    assert asked == []
    store_rows([row("0.1", "b", "a", kind="server", at=1)])
    assert answers() == [[2], [1, 1], [2], [2], 2]
