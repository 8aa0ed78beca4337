"""Jaeger's query API, read as Grafana and scripts read it."""

import asyncio
import json

import httpx
import pytest
from fastapi import FastAPI

from hopline_query.api.jaeger import create_router
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader

NOW = 1_763_800_060_000_000
START = 1_763_800_000_000_000
TRACE = "6921c0de0123456789abcdef01234567"
TAGS = {"http.route": "/", "otel.status_code": "ERROR"}


@pytest.fixture
def get(row):
    rows = [
        row("0", "a", None, "server", dur=100, tags=TAGS, uid="u1", version="1"),
        row("0.1", "b", "a", "client", at=1, dur=80, peer="B", peer_kind="service"),
        row("0.1", "c", "b", "server", service="B", at=2, dur=70, caller_service="a", error=True, error_type="Timeout"),
        row("0.1.1", "d", "c", service="B", at=3, dur=None, annotations=[(START + 5, "cache", "miss")]),
    ]
    app = FastAPI()
    app.include_router(create_router(QueryService(MemoryReader(rows), clock=lambda: NOW)))

    def ask(path, **params):
        async def asking():
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://hopline") as client:
                return await client.get(path, params=params or None)

        return asyncio.run(asking())

    return ask


def test_names(get):
    """Q7: services and operations in Jaeger's envelope, and in v3."""
    answer = get("/api/services").json()
    assert answer == {"data": ["B", "a"], "total": 2, "limit": 0, "offset": 0, "errors": None}
    assert get("/api/services/a/operations").json()["data"] == ["op 0", "op 0.1"]
    assert get("/api/operations", service="a", spanKind="client").json()["data"] == [
        {"name": "op 0.1", "spanKind": "client"}
    ]
    assert get("/api/v3/services").json() == {"services": ["B", "a"]}
    known = [{"name": "op 0.1", "spanKind": "server"}, {"name": "op 0.1.1", "spanKind": "internal"}]
    assert get("/api/v3/operations", service="B").json()["operations"] == known


def test_trace(get):
    """Q7: the parent is a CHILD_OF reference, tags are typed, times microseconds, each process is named."""
    trace = get(f"/api/traces/{TRACE}").json()["data"][0]
    spans = {span["spanID"][-1]: span for span in trace["spans"]}
    assert [r["refType"] for r in spans["c"]["references"]] == ["CHILD_OF"]
    assert spans["c"]["references"][0]["spanID"] == spans["b"]["spanID"]
    tags = {tag["key"]: (tag["type"], tag["value"]) for tag in spans["c"]["tags"]}
    assert tags["error"] == ("bool", True)
    assert tags["span.kind"] == ("string", "server")
    assert trace["processes"][spans["c"]["processID"]]["serviceName"] == "B"
    assert spans["d"]["logs"][0]["fields"][0] == {"key": "event", "type": "string", "value": "cache"}
    assert spans["d"]["warnings"]
    assert spans["a"]["duration"] == 100_000


def test_grafana_by_id(get):
    """Q7: a missing trace is 404, because an empty list with 200 breaks Grafana's panel."""
    answer = get("/api/traces/" + "f" * 32)
    assert answer.status_code == 404
    assert answer.json()["errors"] == [{"code": 404, "msg": "trace not found"}]
    assert get(f"/api/traces/{TRACE}", start=str(START // 1_000), end=str(NOW // 1_000)).status_code == 200
    missing = get("/api/v3/traces/" + "f" * 32)
    assert (missing.status_code, missing.json()["error"]["message"]) == (404, "No traces found")


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"service": "a"}, 1),
        ({"service": "a", "operation": "op 0.1", "start": str(START - 1), "end": str(NOW)}, 1),
        ({"service": "a", "start": str(START // 1_000 - 1), "end": str(NOW // 1_000)}, 1),
        ({"service": "a", "tags": json.dumps({"http.route": "/"})}, 1),
        ({"service": "B", "tags": json.dumps({"http.route": "/"})}, 0),
        ({"service": "B", "tags": json.dumps({"error": "true"})}, 1),
        ({"service": "a", "tag": "http.route:/"}, 1),
        ({"service": "a", "minDuration": "90ms"}, 1),
        ({"service": "a", "minDuration": "1.2s"}, 0),
        ({"service": "nobody"}, 0),
        ({"traceID": TRACE}, 1),
        ({"traceID": [TRACE, TRACE.upper(), TRACE]}, 1),
        ({"service": "B", "tags": json.dumps({"error": "yes"})}, 1),
        ({"service": "a", "tags": json.dumps({"version": "1"})}, 1),
        ({"service": "B", "tags": json.dumps({"version": "1"})}, 0),
        ({"service": "B", "tags": json.dumps({"event": "cache", "message": "miss"})}, 1),
        ({"service": "B", "operation": "op 0.1", "tags": json.dumps({"event": "cache"})}, 0),
        ({"service": "a", "tags": json.dumps({"otel.status_code": "ERROR", "http.route": "/"})}, 1),
        ({"service": "a", "tags": json.dumps({"otel.status_code": "error"})}, 0),
    ],
)
def test_searches(get, params, count):
    """Q7, N12: Jaeger's search parameters, logs by what they show, times also in a Grafana's milliseconds."""
    answer = get("/api/traces", **params)
    assert (answer.status_code, len(answer.json()["data"])) == (200, count)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"service": "a", "limit": "0"},
        {"service": "a", "limit": "100000000"},
        {"service": "a", "tags": "{"},
        {"service": "a", "tag": "novalue"},
        {"service": "a", "minDuration": "fast"},
        {"service": "a", "start": "x"},
        {"traceID": "xyz"},
        {"traceID": [f"{n:x}" for n in range(1, 52)]},
        {"service": "a", "tags": json.dumps({f"k{n}": "1" for n in range(33)})},
        {"service": "a", "tags": "[" * 10_000},
        {"service": "a", "start": "1", "end": str(NOW)},
    ],
)
def test_refusals(get, params):
    """Q7: what cannot be understood is 400 with a message, never 500."""
    answer = get("/api/traces", **params)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["msg"]


def test_dependencies(get):
    """Q7: calls between services."""
    assert get("/api/dependencies", endTs=str(NOW // 1_000), lookback="3600000").json()["data"] == [
        {"parent": "a", "child": "B", "callCount": 1}
    ]


def test_otlp(get):
    """Q7: v3 gives OTLP JSON."""
    result = get(f"/api/v3/traces/{TRACE}").json()["result"]
    assert {s["spanId"][-1] for r in result["resourceSpans"] for s in r["scopeSpans"][0]["spans"]} == set("abcd")


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"query.service_name": "a", "query.start_time_min": "2025-11-22T08:26:00Z"}, 4),
        ({"query.serviceName": "a", "query.startTimeMin": "2025-11-22T08:26:00Z"}, 4),
        ({"query.serviceName": "a", "query.startTimeMax": "2025-11-22T08:26:00Z"}, 0),
        ({"query.serviceName": "a", "query.operationName": "op 0", "query.durationMin": "99ms"}, 4),
        ({"query.serviceName": "a", "query.operationName": "op 0", "query.durationMin": "1s"}, 0),
        ({"query.serviceName": "a", "query.searchDepth": "1"}, 4),
        ({"query.service_name": "a", "query.num_traces": "1"}, 4),
    ],
)
def test_searches_of_v3(get, params, count):
    """N13: the parameters of v3 in snake_case, and in the camelCase of newer releases."""
    found = get("/api/v3/traces", **params).json()["result"]["resourceSpans"]
    assert sum(len(scope["spans"]) for resource in found for scope in resource["scopeSpans"]) == count


def test_summaries_of_v3(get):
    """N13: what Jaeger's own pages list a trace by."""
    asked = {"query.serviceName": "B", "query.durationMin": "60ms"}
    assert get("/api/v3/trace-summaries", **asked).json() == {
        "summaries": [
            {
                "traceId": TRACE,
                "rootServiceName": "a",
                "rootOperationName": "op 0",
                "minStartTimeUnixNano": f"{START}000",
                "maxEndTimeUnixNano": f"{START + 100_000}000",
                "spanCount": 4,
                "errorSpanCount": 1,
                "orphanSpanCount": 0,
                "services": [
                    {"name": "B", "spanCount": 2, "errorSpanCount": 1},
                    {"name": "a", "spanCount": 2, "errorSpanCount": 0},
                ],
            }
        ]
    }
    assert get("/api/v3/trace-summaries", **asked | {"query.durationMin": "1s"}).json() == {"summaries": []}
    assert get("/api/v3/trace-summaries").status_code == 400


def test_refusals_of_v3_name_the_parameter(get):
    """N13: a time or a number that cannot be read is refused."""
    for name in ("query.start_time_min", "query.startTimeMin", "query.searchDepth", "query.num_traces"):
        assert get("/api/v3/traces", **{"query.serviceName": "a", name: "soon"}).status_code == 400
    assert get("/api/v3/traces").json()["error"]["httpCode"] == 400
    assert get("/api/v3/operations", service="a", spanKind="client").json()["operations"][0]["spanKind"] == "client"
