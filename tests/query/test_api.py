"""The HTTP API over the real engine."""

import asyncio
from dataclasses import replace
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from hopline_collector.store.clickhouse import ClickHouse
from hopline_query.api import create_router
from hopline_query.errors import QueryTimeoutError, TooManyQueriesError
from hopline_query.service import QueryService
from hopline_query.store import asking
from hopline_query.store.memory import MemoryReader
from hopline_query.store.reader import ClickHouseReader

NOW = 1_763_800_600_000_000
TRACE = "6921c0de0123456789abcdef01234567"


class Client:
    """Asks the API in this process, one question at a time."""

    def __init__(self, reader):
        self.app = FastAPI()
        self.app.include_router(create_router(QueryService(reader, clock=lambda: NOW)))

    def get(self, path, **more):
        async def ask():
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://hopline") as client:
                return await client.get(path, **more)

        return asyncio.run(ask())


@pytest.fixture(scope="module")
def client(shared_engine):
    return Client(ClickHouseReader(shared_engine))


def test_trace(client, store_shared, article):
    """Q1: one trace by any spelling of its id, in three shapes."""
    store_shared(article)
    tree = client.get(f"/api/v1/traces/{TRACE}").json()
    assert (tree["state"], tree["roots"][0]["children"][0]["span_id"]) == ("complete", "0.1")
    assert client.get(f"/api/v1/traces/{TRACE.upper()}").json() == tree
    assert client.get(f"/api/v1/traces/00-{TRACE}-00f067aa0ba902b7-01").json() == tree
    flat = client.get(f"/api/v1/traces/{TRACE}?shape=flat&limit=2").json()
    assert [n["span_id"] for n in flat["nodes"]] == ["0", "0.1"]
    timeline = client.get(f"/api/v1/traces/{TRACE}?shape=timeline").json()
    assert timeline["columns"]["span_id"] == ["0", "0.1", "0.1.1", "0.2"]
    several = client.get(f"/api/v1/traces?ids={TRACE},{'f' * 32}").json()
    assert [t["trace_id"] for t in several["traces"]] == [TRACE]
    assert several["not_found"][0]["asked"] == "f" * 32


def test_a_trace_that_did_not_change_is_not_sent_again(article):
    """Q1: its tag is good for the same question as long as no row comes."""
    reader = MemoryReader(article)
    client = Client(reader)
    path = f"/api/v1/traces/{TRACE}"
    first = client.get(path)
    tag = first.headers["etag"]
    again = client.get(path, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(path, headers={"If-None-Match": '"other"'}).json() == first.json()
    assert client.get(f"{path}?shape=flat", headers={"If-None-Match": tag}).status_code == 200
    reader.rows.append(replace(article[-1], duration_us=None, arrived=NOW))
    late = client.get(path, headers={"If-None-Match": tag})
    assert (late.status_code, late.headers["etag"] != tag) == (200, True)


@pytest.mark.parametrize(
    ("age_s", "reason", "words"),
    [
        (4, "arriving", "made 4 s ago"),
        (12 * 86_400, "expired", "made 12 days ago"),
        (3_600, "not_received", "made 1 h ago"),
        (-86_400, "future", "no id of ours"),
        (None, "unknown", "no row"),
    ],
)
def test_missing_trace_says_what_the_id_tells(client, age_s, reason, words):
    """Q1: a 404 tells arriving, past the retention, and valid but not received apart."""
    made = 0 if age_s is None else NOW // 1_000_000 - age_s
    answer = client.get(f"/api/v1/traces/{made:08x}{'1' * 24}")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["detail"]["reason"]) == (404, "not_found", reason)
    assert words in error["message"]


def test_an_opaque_id_tells_no_time(client):
    """Q1: no age is read out of the digest under which another tracer's own id is stored."""
    for n in range(20):
        error = client.get(f"/api/v1/traces/order-{n}").json()["error"]
        assert (error["detail"]["reason"], error["detail"]["created_us"]) == ("unknown", None)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/traces/not%20an%20id", "trace_id"),
        ("/traces?filter=a%3E%3D", "filter"),
        ("/traces?min_duration=fast", "min_duration"),
        ("/traces?from=then", "from"),
        ("/traces?from=now&to=now-1h", "from"),
        ("/traces?from=now-30d", "from"),
        ("/traces?order_by=random", "order_by"),
        ("/traces?limit=0", "limit"),
        ("/traces?cursor=zzz", "cursor"),
        ("/traces?errors=maybe", "errors"),
        ("/stats?view=odd", "view"),
        ("/series?step=3s", "step"),
        ("/peers", "service"),
        ("/traces?filter=a~(%3F%3D)", "filter"),
    ],
)
def test_bad_requests_name_the_field(client, path, field):
    """Q1, Q6: 400 is told apart from 404 and names the parameter."""
    answer = client.get(f"/api/v1{path}")
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


def test_unfinished_business_of_one_query_never_reaches_the_next(client, store_shared, article):
    """Q6: a failed query never affects the next one."""
    store_shared(article)
    before = client.get(f"/api/v1/traces/{TRACE}").json()
    for _ in range(5):
        assert client.get("/api/v1/traces?filter=a~(%3F%3D)").status_code == 400
        assert client.get(f"/api/v1/traces/{TRACE}").json() == before


@pytest.mark.parametrize(
    ("error", "status"), [(QueryTimeoutError("took too long"), 504), (TooManyQueriesError("too many"), 429)]
)
def test_limits_are_answered(error, status):
    """Q6: a time-out is 504 and too many at once 429, with a clear body."""

    class Refusing:
        def __getattr__(self, name):
            def refuse(*_args):
                raise error

            return refuse

    answer = Client(Refusing()).get("/api/v1/traces")
    assert answer.status_code == status
    assert answer.json()["error"]["message"] == error.message
    assert ("retry-after" in answer.headers) == (status == 429)


@pytest.mark.parametrize("uid", ["a/b", "100%", "..", "./x", "用户", "a b&c=d?e#f", "a/timeline"])
def test_any_uid_works(client, store_shared, row, uid):
    """Q3: slashes, per cent, dots and non-ASCII in a uid."""
    trace_id = f"{NOW // 1_000_000:08x}{uid.encode().hex():0<24}"[:32]
    store_shared([row("0", "a", None, "server", trace_id=trace_id, uid=uid, name="GET /")])
    found = client.get("/api/v1/users/timeline", params={"uid": uid}).json()
    assert (found["uid"], [t["action"] for t in found["traces"]]) == (uid, ["GET /"])
    if uid not in {"..", "./x"}:
        assert client.get(f"/api/v1/users/{quote(uid, safe='')}/timeline").json()["found"]


def test_everything_is_described(client):
    """Q1: OpenAPI names every parameter, and every failure has a body."""
    described = client.get("/openapi.json").json()["paths"]
    search = described["/api/v1/traces"]["get"]
    assert {"uid", "filter", "cursor", "order_by", "ids"} <= {p["name"] for p in search["parameters"]}
    for path, methods in described.items():
        assert methods["get"]["summary"], path
        assert {"400", "429", "503", "504"} <= set(methods["get"]["responses"]), path


def test_what_this_process_stored_is_found_at_once(client, store_shared, row, monkeypatch):
    """Q2: a search right behind another one finds what was stored in between."""
    monkeypatch.setattr(asking, "SECONDS", 60)
    monkeypatch.setattr(asking, "ALONE_SECONDS", 60)
    for number in range(5):
        assert client.get("/api/v1/traces", params={"uid": f"quick-{number}"}).json()["traces"] == []
        store_shared([row("0", "a", None, "server", trace_id=f"6921c0df{number:024x}", uid=f"quick-{number}")])
        found = client.get("/api/v1/traces", params={"uid": f"quick-{number}"}).json()
        assert [t["trace_id"] for t in found["traces"]] == [f"6921c0df{number:024x}"]


def test_tables_that_are_not_there_yet(shared_engine):
    """Q5: before the first migration every question is a 503 that says what is missing, and who makes it."""
    early = Client(ClickHouseReader(ClickHouse(replace(shared_engine.settings, database="nowhere"))))
    for path in ("/traces", "/stats", "/dependencies", "/services", f"/traces/{TRACE}"):
        answer = early.get(f"/api/v1{path}")
        assert (path, answer.status_code) == (path, 503)
        assert "hopline migrate" in answer.json()["error"]["message"]
