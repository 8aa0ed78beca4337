"""Zipkin's query API, as a Zipkin server answers (case by case of the measured server)."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from hopline.model import Row
from hopline_query.answers import raw
from hopline_query.api.zipkin import create_router
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from support.judging import python_judge

NOW = 1_763_800_060_000_000
START = 1_763_800_000_000_000
LONG = "6921c0de0123456789abcdef01234567"
SHORT = "0" * 16 + "89abcdef01234567"


@pytest.fixture
def rows():
    def make(*facts, **more):
        trace_id, id_, parent, kind, service, name, at, dur = facts
        fields = {"id": id_ * 16, "parent_id": parent * 16 if parent else None, "duration_us": dur, **more}
        return Row(trace_id, kind, service, name, START + at, **fields)

    return [
        make(LONG, "a", None, "server", "frontend", "GET /", 0, 90_000, tags={"http.path": "/a b"}),
        make(LONG, "b", "a", "client", "frontend", "get", 1_000, 80_000, peer="Backend", peer_kind="service"),
        make(
            LONG,
            "b",
            "a",
            "server",
            "Backend",
            "get /api",
            2_000,
            70_000,
            caller_service="frontend",
            attrs={"zipkin.shared": "true"},
            annotations=[(START + 3_000, "cache miss", "")],
        ),
        make(LONG, "c", "b", "client", "Backend", "select", 3_000, 500, peer="mysql", peer_kind="db", error=True),
        make(SHORT, "d", None, "server", "frontend", "post /", 5_000_000, 10, tags={"error": "boom"}, error=True),
    ]


@pytest.fixture
def get(rows):
    app = FastAPI()
    app.include_router(create_router(QueryService(MemoryReader(rows, judge=python_judge), clock=lambda: NOW)))

    def ask(path, **params):
        async def asking():
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://hopline") as client:
                return await client.get(path, params=params or None)

        return asyncio.run(asking())

    return ask


def test_names(get):
    """Q7: services, spans and remote services are sorted and in lower case."""
    assert get("/api/v2/services").json() == ["backend", "frontend"]
    assert get("/zipkin/api/v2/services").json() == ["backend", "frontend"]
    assert get("/api/v2/spans", serviceName="FrontEnd").json() == ["get", "get /", "post /"]
    assert get("/api/v2/remoteServices", serviceName="frontend").json() == ["backend"]
    assert get("/api/v2/remoteServices", serviceName="backend").json() == ["frontend", "mysql"]
    assert get("/api/v2/spans", serviceName="nobody").json() == []
    assert get("/api/v2/spans", serviceName="").json() == ["get", "get /", "get /api", "post /", "select"]
    # Other origins read by a setting alone.
    assert "access-control-allow-origin" not in get("/api/v2/services").headers
    assert "cache-control" not in get("/api/v2/services").headers


@pytest.mark.parametrize("spelling", [LONG, LONG.upper(), f" {LONG} "])
def test_trace(get, spelling):
    """Q7: one trace, by any spelling; shared spans stay shared."""
    spans = get(f"/api/v2/trace/{spelling}").json()
    assert [(s["id"][0], s.get("kind")) for s in spans] == [
        ("a", "SERVER"),
        ("b", "CLIENT"),
        ("b", "SERVER"),
        ("c", "CLIENT"),
    ]
    assert spans[2]["shared"] is True
    assert spans[2]["name"] == "get /api"
    assert spans[2]["annotations"] == [{"timestamp": START + 3_000, "value": "cache miss"}]
    assert spans[3]["remoteEndpoint"] == {"serviceName": "mysql"}
    assert spans[3]["tags"] == {"error": "true"}


def test_short_ids(get):
    """Q7: 64-bit ids are found either way and written with 16 digits."""
    for spelling in (SHORT, SHORT[16:]):
        assert get(f"/api/v2/trace/{spelling}").json()[0]["traceId"] == SHORT[16:]


@pytest.mark.parametrize(
    ("path", "params", "status", "text"),
    [
        ("trace/00000000deadbeef", {}, 404, "00000000deadbeef not found"),
        ("trace/xyz", {}, 400, "xyz should be lower-hex encoded with no prefix"),
        ("trace/" + "a" * 33, {}, 400, "traceId.length > 32"),
        ("trace/0000", {}, 400, "traceId is all zeros"),
        ("traceMany", {}, 400, "Mandatory parameter/header/attribute is missing: traceIds"),
        ("traceMany", {"traceIds": ""}, 400, "traceIds parameter is empty"),
        ("traceMany", {"traceIds": "a"}, 400, "Use /api/v2/trace/{traceId} endpoint to retrieve a single trace"),
        ("traceMany", {"traceIds": "a,b,a"}, 400, "redundant traceId: a"),
        ("traces", {"limit": "0"}, 400, "limit <= 0"),
        ("traces", {"endTs": "-1"}, 400, "endTs <= 0"),
        ("traces", {"lookback": "0"}, 400, "lookback <= 0"),
        ("traces", {"minDuration": "0"}, 400, "minDuration <= 0"),
        ("traces", {"limit": "x"}, 400, 'For input string: "x"'),
        ("traces", {"maxDuration": "5"}, 400, "maxDuration is only valid with minDuration"),
        ("traces", {"minDuration": "9", "maxDuration": "5"}, 400, "maxDuration < minDuration"),
        ("dependencies", {}, 400, "Mandatory parameter/header/attribute is missing: endTs"),
        ("traceMany", {"traceIds": ",".join(f"{n:x}" for n in range(1, 52))}, 400, "give at most 50 ids"),
        ("traces", {"lookback": str(91 * 86_400_000)}, 400, "lookback is longer than 90 days"),
        (
            "traces",
            {"annotationQuery": " and ".join("abcdefghijklmnopqrstuvwxyzabcdefg")},
            400,
            "a filter has at most 32 terms",
        ),
        ("dependencies", {"endTs": str(NOW // 1_000), "lookback": "9" * 17}, 400, "lookback is longer than 90 days"),
        ("spans", {}, 400, "Mandatory parameter/header/attribute is missing: serviceName"),
        ("autocompleteValues", {}, 400, "Mandatory parameter/header/attribute is missing: key"),
    ],
)
def test_refusals_in_zipkins_words(get, path, params, status, text):
    """Q7: what cannot be answered is refused with the status and the words of a Zipkin server."""
    answer = get(f"/api/v2/{path}", **params)
    assert (answer.status_code, answer.text) == (status, text)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, [SHORT[16:], LONG]),
        ({"limit": "1"}, [SHORT[16:]]),
        ({"serviceName": "backend"}, [LONG]),
        ({"serviceName": "BACKEND", "spanName": "GET /api"}, [LONG]),
        ({"serviceName": "backend", "spanName": "post /"}, []),
        ({"serviceName": "nobody"}, []),
        ({"serviceName": "", "spanName": "all"}, [SHORT[16:], LONG]),
        ({"annotationQuery": "http.path=/a b"}, [LONG]),
        ({"annotationQuery": "cache miss and http.path=/a b"}, [LONG]),
        ({"annotationQuery": "cache miss and http.path=/a b", "serviceName": "frontend"}, []),
        ({"annotationQuery": "error"}, [SHORT[16:], LONG]),
        ({"annotationQuery": "error=boom"}, [SHORT[16:]]),
        ({"annotationQuery": "error=true", "serviceName": "backend"}, [LONG]),
        ({"annotationQuery": "error=false"}, []),
        ({"remoteServiceName": "mysql"}, [LONG]),
        ({"serviceName": "frontend", "minDuration": "85000"}, [LONG]),
        ({"serviceName": "backend", "minDuration": "85000"}, []),
        ({"endTs": str((START + 4_000_000) // 1_000)}, [LONG]),
        ({"lookback": "56000", "endTs": str(NOW // 1_000)}, [SHORT[16:]]),
    ],
)
def test_searches(get, params, found):
    """Q7: different spans of the service may satisfy the parts; the newest traces come first."""
    assert [spans[0]["traceId"] for spans in get("/api/v2/traces", **params).json()] == found


def test_trace_many(get):
    """Q7: several traces; unknown ones are left out."""
    answer = get("/api/v2/traceMany", traceIds=f"{LONG},{SHORT},abc").json()
    assert [len(spans) for spans in answer] == [4, 1]
    assert get("/api/v2/traceMany", traceIds="abc,abd").json() == []


def test_cut_answers_say_so(get, monkeypatch):
    """Q6: an answer that left rows out says so in its header, for Zipkin's shapes have no place for it."""
    assert "hopline-truncated" not in get("/api/v2/traceMany", traceIds=f"{LONG},{SHORT}").headers
    monkeypatch.setattr(raw, "MOST_ROWS", 3)
    answer = get("/api/v2/traceMany", traceIds=f"{LONG},{SHORT}")
    assert answer.headers["hopline-truncated"] == "true"
    assert sum(map(len, answer.json())) == 3
    answer = get("/api/v2/traces")
    assert answer.headers["hopline-truncated"] == "true"
    assert [len(spans) for spans in answer.json()] == [1]


def test_dependencies(get):
    """Q7: links with call and error counts."""
    links = get("/api/v2/dependencies", endTs=str(NOW // 1_000), lookback="3600000").json()
    assert links == [
        {"parent": "backend", "child": "mysql", "callCount": 1, "errorCount": 1},
        {"parent": "frontend", "child": "backend", "callCount": 1},
    ]


def test_around_it(get):
    """Q7: health, info, metrics, config.json, autocomplete."""
    assert get("/health").json()["status"] == "UP"
    assert "version" in get("/info").json()["zipkin"]
    assert "counter.zipkin_collector.spans" in get("/zipkin/metrics").json()
    assert get("/zipkin/config.json").json()["searchEnabled"] is True
    assert get("/api/v2/autocompleteKeys").json() == ["error", "http.path"]
    assert get("/api/v2/autocompleteValues", key="http.path").json() == ["/a b"]
    assert get("/api/v2/autocompleteValues", key="nothing").json() == []
