"""The pages over the real query service and the real engine: the shapes that they draw are those that are answered."""

import time

import pytest

from hopline_collector.store.clickhouse import ClickHouse
from hopline_query.service import QueryService
from hopline_query.store.reader import ClickHouseReader
from support.filled import fill
from ui_support import Client, Page, page_app

MINUTE = 60_000_000
PAGES = ("/", "/search", "/map", "/system", "/users/nobody", "/compare", "/why")


@pytest.fixture
def over(engine: ClickHouse) -> tuple[ClickHouse, QueryService, Client]:
    service = QueryService(ClickHouseReader(engine))
    return engine, service, Client(page_app(service))


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_page_over_an_empty_store(over, language: str):
    """U3: a new installation has pages, not errors; home and map show the quick start."""
    client = over[2]
    for path in PAGES:
        answer = client.get(path, {"accept-language": language})
        assert answer.status_code == 200, path
    assert "TraceMiddleware" in client.get("/").text
    assert "TraceMiddleware" in client.get("/map").text


def test_every_page_over_a_filled_store(over):
    """U1-U8: every page and tab draws what the store really answers."""
    store, service, client = over
    now = time.time_ns() // 1_000
    fill(store, traces=300, from_us=now - 10 * MINUTE, to_us=now - MINUTE // 2)
    found = service.search({})["traces"]
    first, second = found[0]["trace_id"], found[1]["trace_id"]
    name, uid = found[0]["service"], found[0]["uids"][0]
    key = service.trace(first, {"shape": "timeline"})["columns"]["key"][1]
    tabs = ("calltree", "statistics", "statistics&by=name", "events", "flame", "map", "json")
    paths = [
        *PAGES,
        "/?sort=-p99_us&q=svc",
        "/search?filter=shop.tenant%3D17&order_by=longest&errors=true",
        f"/search?service={name}&caller=svc-0&min_duration=1us",
        f"/users/{uid}",
        f"/users/{uid}?errors=true",
        f"/map?focus={name}&node={name}",
        "/map.svg",
        f"/service/{name}",
        f"/service/{name}?operation=nothing",
        f"/compare?a={first}&b={second}",
        "/why?errors=true",
        f"/why?service={name}&min_span_duration=1us&version=1",
        f"/trace/{first}",
        f"/trace/{first}?adjust=true&span={key}",
        f"/trace/{first}?root={key}",
        f"/trace/{first}/node/{key}",
        *(f"/trace/{first}?tab={tab}" for tab in tabs),
    ]
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.text[:500])
        assert Page(answer.text).unbalanced == [], path
    home = Page(client.get("/").text)
    assert len([e for e in home.all("tr") if e.get("data-name")]) == 30
    head = service.trace(first, {"shape": "timeline"})
    told = f"{head['spans']} spans, {head['received']} of {head['expected']} calls"
    assert told in Page(client.get(f"/trace/{first}").text).text


def test_mistakes_are_answered_as_pages(over):
    """U3: what cannot be understood or is not there is a page with its status, not an error."""
    client = over[2]
    assert client.get("/search?min_duration=soon").status_code == 400
    assert client.get("/?from=yesterday").status_code == 400
    assert client.get("/trace/" + "0" * 31 + "1").status_code == 404
    assert client.get("/service/nobody").status_code == 404
    assert client.get(f"/trace/{'a' * 32}/node/none").status_code == 404


def test_pasted_text_is_understood(over):
    """U2: ids of every spelling, addresses of ours and of others, tags and uids."""
    client = over[2]
    trace_id = "6921c0de0123456789abcdef01234567"
    for text in (
        trace_id.upper(),
        f"00-{trace_id}-00f067aa0ba902b7-01",
        f"{trace_id}-00f067aa0ba902b7-1",
        f"http://zipkin/zipkin/traces/{trace_id}",
    ):
        answer = client.get("/go?as=trace&text=" + text.replace("/", "%2F").replace(":", "%3A"))
        assert answer.headers["location"] == f"/trace/{trace_id}", text
    assert client.get("/go?as=user&text=u-4711").headers["location"] == "/users/u-4711"
    assert client.get("/go?as=trace&text=http.method%3DGET").headers["location"] == "/search?filter=http.method%3DGET"
