"""Answers hold what their shapes say, no more and no less; OpenAPI and docs/api.md say the same."""

from pathlib import Path

import msgspec
import pytest
from fastapi import FastAPI

from hopline_query.api import create_router
from hopline_query.api.bodies import ANSWERS, ByIds
from hopline_query.api.field_tables import SECTION, render
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from hopline_query.store.port import Report

NOW = 1_763_800_060_000_000
PAGE = Path(__file__).parents[2] / "docs" / "api.md"
QUESTIONS = {
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
    for row in article:
        row.uid, row.env, row.arrived, row.tags = "u", "prod", NOW, {"k": "v"}
    article[-1].error, article[-1].error_type = True, "Timeout"
    report = Report("A", "h:1", NOW, 10, 5, {"buffer_full": 5}, 0)
    return QueryService(MemoryReader(article, [report]), clock=lambda: NOW)


@pytest.mark.parametrize("path", ANSWERS)
def test_answers_have_their_shapes(service, path):
    """Q5: each answer is its shape, with every field and none besides."""
    answer = QUESTIONS[path](service)
    msgspec.convert(msgspec.json.decode(msgspec.json.encode(answer)), ANSWERS[path])


def test_traces_by_ids_have_theirs(service):
    """Q1: so has the answer by ids, at the same path."""
    answer = service.traces("6921c0de0123456789abcdef01234567,abc")
    msgspec.convert(msgspec.json.decode(msgspec.json.encode(answer)), ByIds)


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
