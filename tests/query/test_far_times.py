"""Times at the ends of what parses: every question is answered or refused, in every dialect."""

import pytest

from hopline_query.dialects import jaeger, zipkin
from hopline_query.errors import BadRequestError
from hopline_query.service import QueryService
from hopline_query.store.reader import ClickHouseReader
from hopline_query.units import LATEST_US

NOW = 1_763_800_000_000_000
RANGES = (
    {"to": "2105-12-31T23:59:59.999999Z"},
    {"from": "0", "to": "1"},
    {"from": str(LATEST_US - 1), "to": str(LATEST_US)},
    {"from": "2105-12-01T00:00:00Z", "to": "2105-12-31T23:59:59Z"},
    {"to": "9999-12-31T23:59:59Z"},
    {"to": str(2**63)},
)


@pytest.mark.parametrize("asked", RANGES, ids=lambda asked: asked["to"])
def test_far_times_are_served_or_refused(engine, store_rows, row, asked):
    """R4: whatever parses as a time is servable, or the question is refused with its field named."""
    store_rows([row("0", "a", None, "server", uid="u")])
    service = QueryService(ClickHouseReader(engine), clock=lambda: NOW)
    questions = {
        name: getattr(service, name)
        for name in (
            *("stats", "series", "errors", "heatmap", "dependencies", "search", "points", "services", "operations"),
            *("instances", "tag_keys", "envs"),
        )
    }
    questions["peers"] = lambda params: service.peers({**params, "service": "a"})
    questions["instance group"] = lambda params: service.stats({**params, "group": "instance", "spark": "5"})
    questions["callers"] = lambda params: service.stats({**params, "group": "caller", "compare": "previous"})
    questions["user"] = lambda params: service.user("u", params)
    questions["tag values"] = lambda params: service.tag_values("k", params)
    refused = {}
    for name, ask in questions.items():
        try:
            assert ask(asked)["freshness"], name
        except BadRequestError as error:
            refused[name] = error.field
    assert set(refused.values()) <= {"from", "to"}


@pytest.mark.parametrize("end_ms", [1, LATEST_US // 1_000, 253_402_300_799_000, 10**15])
def test_far_times_of_the_dialects(engine, end_ms):
    """Q7: ends of Zipkin's and Jaeger's ranges may lie anywhere."""
    service = QueryService(ClickHouseReader(engine), clock=lambda: NOW)
    values = {"endTs": str(end_ms), "lookback": "3600000"}
    assert zipkin.dependencies(service, values) == ([], False)
    assert zipkin.traces(service, values) == ([], False)
    assert jaeger.dependencies(service, values) == ([], False)
    times = {"service": "a", "start": str(end_ms * 1_000 - 1_000), "end": str(end_ms * 1_000)}
    assert jaeger.traces(service, times, []) == ([], False)
