"""How many statements an answer costs: each takes its milliseconds before it reads a row."""

import pytest

from hopline_query.service import QueryService
from hopline_query.store import asking
from hopline_query.store.reader import ClickHouseReader
from hopline_query.store.settling import settle
from support.filled import fill

NOW = 1_763_800_000_000_000
AROUND = {"from": str(NOW - 600_000_000), "to": str(NOW)}
FRESHNESS = ("FROM $database.ledger", "FROM $database.reports")


@pytest.fixture
def asked(monkeypatch):
    """Statements that the store was asked since it was cleared, those of the freshness block left out."""
    found = []
    ask = asking.Asker.rows

    def noted(self, text, parameters=None):
        if not any(part in text for part in FRESHNESS):
            found.append(text)
        return ask(self, text, parameters)

    monkeypatch.setattr(asking.Asker, "rows", noted)
    monkeypatch.setattr(asking, "ALONE_SECONDS", 3_600.0)  # as on a machine that asks the next one soon enough
    return found


def test_an_answer_costs_few_statements(engine, asked):
    """Q1, Q2, D1, L1: a trace in one and one beside, or in one if it is known; a list has one beside as well."""
    fill(engine, traces=40, from_us=NOW - 500_000_000, to_us=NOW - 100_000_000)
    settle(engine, NOW)
    service = QueryService(ClickHouseReader(engine), clock=lambda: NOW)
    known = service.search(AROUND)["traces"][0]["trace_id"]
    service.stats(AROUND)  # The names of reporting services are known for a minute.
    questions = {
        "trace": (lambda: service.trace(known), 2),
        "the same trace": (lambda: service.trace(known), 1),
        "newest": (lambda: service.search(AROUND), 3),
        "service": (lambda: service.search({**AROUND, "service": "svc-0"}), 4),
        "tags": (lambda: service.search({**AROUND, "filter": "shop.tenant=7 AND NOT shop.tenant=8"}), 5),
        "user": (lambda: service.user("u-1", AROUND), 4),
        "services": (lambda: service.services(AROUND), 2),
        "operations": (lambda: service.operations({**AROUND, "service": "svc-0"}), 2),
        "stats": (lambda: service.stats(AROUND), 2),
        "map": (lambda: service.dependencies(AROUND), 4),
    }
    counts = {}
    for name, (ask, _) in questions.items():
        asked.clear()
        ask()
        counts[name] = len(asked)
    assert {name: most for name, (_, most) in questions.items() if counts[name] > most} == {}, counts
