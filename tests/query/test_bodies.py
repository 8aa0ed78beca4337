"""Answers hold what their shapes say, no more and no less; OpenAPI and docs/api.md say the same."""

from pathlib import Path

import msgspec
import pytest
from fastapi import FastAPI

from hopline.model import Row
from hopline_query.api import create_router
from hopline_query.api.bodies import ANSWERS, ByIds
from hopline_query.api.bodies_trace import FlatTrace, TimelineTrace
from hopline_query.api.field_tables import SECTION, render
from hopline_query.errors import NotFoundError
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.store.port import GROUPS, Report

NOW = 1_763_800_060_000_000
PAGE = Path(__file__).parents[2] / "docs" / "api.md"
TRACE = "6921c0de0123456789abcdef01234567"
SPARKS = {"compare": "previous", "spark": "5", "histogram": "true"}
BASE = {"service": "A", "from": str(NOW - 120_000_000), "base_from": str(NOW - 10**9), "base_to": str(NOW - 9 * 10**8)}
QUESTIONS = {
    "/traces/{trace_id}": lambda service: service.trace(TRACE),
    "/stats": lambda service: service.stats(SPARKS),
    "/series": lambda service: service.series({"service": "A"}),
    "/errors": lambda service: service.errors(),
    "/heatmap": lambda service: service.heatmap({"service": "A", "columns": "4"}),
    "/dependencies": lambda service: service.dependencies(),
    "/causes": lambda service: service.causes(),
    "/differs": lambda service: service.differs({"service": "A"}),
    "/critical-path": lambda service: service.critical_path({"service": "A", "what_if": "A|op 0|0.5"}),
    "/worse": lambda service: service.worse(BASE),
    "/shapes": lambda service: service.shapes(),
    "/query": lambda service: service.query({"q": "{}"}),
    "/instances": lambda service: service.instances({"service": "A"}),
    "/traces": lambda service: service.search({"filter": "service=A NOT a=b", "limit": "1"}),
    "/traces/points": lambda service: service.points({}),
    "/users/{uid}/timeline": lambda service: service.user("u", {}),
    "/services": lambda service: service.services(),
    "/operations": lambda service: service.operations({"service": "A"}),
    "/peers": lambda service: service.peers({"service": "A"}),
    "/tags": lambda service: service.tag_keys(),
    "/tags/{key}/values": lambda service: service.tag_values("k"),
    "/envs": lambda service: service.envs(),
    "/find": lambda service: service.find("a=b"),
    "/range": lambda service: service.range(),
    "/freshness": lambda service: service.freshness(),
}


@pytest.fixture(params=["empty", "filled"])
def service(request, article):
    """Over nothing, and over a failed trace, a running one and a process that loses rows."""
    if request.param == "empty":
        return QueryService(MemoryReader(), clock=lambda: NOW)
    return filled(article)


@pytest.fixture
def full(article):
    return filled(article)


def filled(article):
    for row in article:
        row.uid, row.env, row.arrived, row.tags = "u", "prod", NOW, {"k": "v"}
    article[-1].error, article[-1].error_type = True, "Timeout"
    report = Report("A", "h:1", NOW, 10, 5, {"buffer_full": 5}, 0)
    return QueryService(MemoryReader(article, [report]), clock=lambda: NOW)


@pytest.mark.parametrize("path", ANSWERS)
def test_answers_have_their_shapes(service, path):
    """Q5: each answer is its shape, with every field and none besides."""
    try:
        fits(QUESTIONS[path](service), ANSWERS[path])
    except NotFoundError:
        assert path == "/traces/{trace_id}"
        assert not service.search({})["count"]


FURTHER = (
    *((ANSWERS["/traces/{trace_id}"], lambda service: service.trace(TRACE, {"adjust": "true"})),),
    *((FlatTrace, lambda service: service.trace(TRACE, {"shape": "flat", "limit": "2"})),),
    *((TimelineTrace, lambda service: service.trace(TRACE, {"shape": "timeline"})),),
    *((ByIds, lambda service: service.traces(f"{TRACE},abc")),),
    *(
        (ANSWERS[path], lambda service, path=path, asked=asked: getattr(service, path[1:])(asked))
        for path, asked in (
            *(("/stats", {"group": group} | SPARKS) for group in GROUPS),
            *(("/series", {"service": "A", "group": group}) for group in GROUPS if group != "caller"),
            *(
                ("/dependencies", {"trace_id": TRACE}),
                ("/dependencies", {"filter": "k=v"}),
                ("/dependencies", {"focus": "B"}),
            ),
            *(("/heatmap", {"service": "A", "view": "all"}), ("/shapes", BASE), ("/errors", {"service": "E"})),
            *(("/query", {"q": "{} | count() by (service)"}), ("/causes", {"service": "E"})),
        )
    ),
)


@pytest.mark.parametrize(("shape", "ask"), FURTHER)
def test_further_questions_have_theirs(full, shape, ask):
    """Q5: whatever a parameter adds to an answer is in its shape."""
    fits(ask(full), shape)


def fits(answer, shape):
    return msgspec.convert(msgspec.json.decode(msgspec.json.encode(answer)), shape)


def test_findings_have_their_shape():
    """Y2: a tag that failing calls alone have."""
    calls = [
        Row(
            trace_id=f"{number + 1:032x}",
            kind="server",
            service="A",
            name="op",
            start_us=NOW - 1_000_000 + number,
            span_id="0",
            id=f"{number + 1:016x}",
            duration_us=1_000,
            error=number % 2 == 0,
            tags={"tenant": "bad" if number % 2 == 0 else "good"},
        )
        for number in range(200)
    ]
    answer = QueryService(MemoryReader(calls), clock=lambda: NOW).differs({"service": "A", "errors": "true"})
    assert fits(answer, ANSWERS["/differs"]).findings


def test_openapi_describes_them():
    """Q5: the description of every path with a shape says what a good answer holds."""
    app = FastAPI()
    app.include_router(create_router(QueryService(MemoryReader(), clock=lambda: NOW)))
    paths = app.openapi()["paths"]
    for path, shape in ANSWERS.items():
        told = paths[f"/api/v1{path}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        told = told.get("anyOf", [told])[0]
        assert set(told["properties"]) == {field.encode_name for field in msgspec.structs.fields(shape)}
        assert "$ref" not in str(told)


def test_the_page_is_up_to_date():
    """O4: the field tables of docs/api.md are those of the shapes (make docs)."""
    found = SECTION.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == render()
