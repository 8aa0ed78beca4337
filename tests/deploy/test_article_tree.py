"""The tree that explains the ids, over real processes, from the request to the figures."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from playwright.sync_api import expect

from hopline_deploy.broker import Broker
from support import Children, wait_until
from support.accounts import wait_handed_over
from support.article import UID
from support.hopline_process import Server, start_article

if TYPE_CHECKING:
    from playwright.sync_api import Page

TREE = {"0": "A", "0.1": "B", "0.2": "E", "0.1.1": "C"}


def services(nodes: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """``(span_id, service)`` of every node below `nodes`."""
    for node in nodes:
        yield node["span_id"], node["service"]
        yield from services(node["children"])


def served(nodes: list[dict[str, Any]]) -> Iterator[tuple[str, int]]:
    """``(service, duration)`` of every server row below `nodes`."""
    for node in nodes:
        yield from ((row["service"], row["duration_us"]) for row in node["rows"] if row["kind"] == "server")
        yield from served(node["children"])


def complete(server: Server, trace_id: str) -> dict[str, Any]:
    answer = server.get(f"traces/{trace_id}")
    assert answer["state"] == "complete", answer["state"]
    return answer


def request(address: str) -> str:
    """Ask A once; the trace id of its answer."""
    sent = httpx.get(f"{address}/serve/tea", timeout=60)
    assert sent.json() == {"service": "A"}
    return sent.headers["hopline-trace-id"]


def assert_article(server: Server, trace_id: str) -> None:
    """One request to A is there by trace id, by user, in the map and in the figures."""
    trace = wait_until(lambda: complete(server, trace_id))
    wait_handed_over(server.url)
    assert dict(services(trace["roots"])) == TREE
    assert (trace["expected"], trace["received"], trace["missing"]) == (4, 4, [])

    found = server.get("traces", uid=UID)["traces"]
    assert [t["trace_id"] for t in found] == [trace_id]
    assert [t["trace_id"] for t in server.get(f"users/{UID}/timeline")["traces"]] == [trace_id]

    window = {"from": "now-5m", "to": "now"}
    edges = {(e["caller"], e["callee"]): e["calls"] for e in server.get("dependencies", **window)["edges"]}
    assert edges == {("USER", "A"): 1, ("A", "B"): 1, ("A", "E"): 1, ("B", "C"): 1}

    stats = {s["service"]: s for s in server.get("stats", **window)["services"]}
    assert set(stats) == set("ABCE")
    assert all((s["calls"], s["errors"], s["success_rate"]) == (1, 0, 1.0) for s in stats.values())
    # Which row is the longest is not ours to say: a callee's last chunk may be read before its server row ends.
    assert {name: s["avg_us"] for name, s in stats.items()} == dict(served(trace["roots"]))
    assert stats["A"]["p999_us"] >= stats["A"]["avg_us"] * 0.98


def test_over_http(children: Children, hopline_up: Callable[..., Server]) -> None:
    """M2: A (0) calls B (0.1) and E (0.2), B calls C (0.1.1); shipped over HTTP, kept in the journal."""
    server = hopline_up()
    assert_article(server, request(start_article(children, server.url)))


def test_over_kafka_into_a_browser(
    own_broker: Broker, children: Children, hopline_up: Callable[..., Server], chromium: "Page"
) -> None:
    """M2, U2, U4, U6: the same tree through a real Kafka broker, as a person finds it in the pages."""
    server = hopline_up("--kafka", own_broker.address)
    trace_id = request(start_article(children, f"kafka://{own_broker.address}"))
    assert_article(server, trace_id)
    chromium.goto(server.url)
    walk_home(chromium)
    walk_trace(chromium, trace_id)
    walk_user(chromium)
    walk_map(chromium)


def walk_home(page: "Page") -> None:
    """Each service with its calls per second, average, P999 and success rate."""
    for name in "ABCE":
        figures = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True)).inner_text()
        assert "100 %" in figures
        assert figures.count("ms") + figures.count("µs") >= 5


def walk_trace(page: "Page", trace_id: str) -> None:
    """From the box to the waterfall."""
    page.get_by_label("Trace id").fill(trace_id)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/trace/{trace_id}*")
    rows = page.locator("#rows [role=row]")
    expect(rows).to_have_count(len(TREE))
    shown = {row.locator(".wf-path").inner_text(): row.locator(".wf-service").inner_text() for row in rows.all()}
    assert shown == TREE
    expect(page.locator("main")).to_contain_text("7 spans, 4 of 4 calls")


def walk_user(page: "Page") -> None:
    """From the box to the user's traces."""
    page.get_by_label("User id").fill(UID)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/users/{UID}*")
    expect(page.locator("#results > li")).to_have_count(1)
    expect(page.locator("#results")).to_contain_text("GET /serve/{item}")


def walk_map(page: "Page") -> None:
    """Every service on the map, and every call in the table beside it."""
    page.get_by_role("link", name="Map", exact=True).click()
    page.wait_for_url("**/map*")
    for caller, callee in (("USER", "A"), ("A", "B"), ("A", "E"), ("B", "C")):
        row = page.locator("table tbody tr").filter(has=page.get_by_role("cell", name=callee, exact=True))
        assert any(r.locator("td,th").first.inner_text().strip() == caller for r in row.all()), (caller, callee)


@pytest.mark.parametrize("role", ["collector", "query"])
def test_roles_end_with_0(hopline_up: Callable[..., Server], role: str) -> None:
    """R6: each process is ready, and SIGTERM ends it with 0 in under 10 s."""
    server = hopline_up(role=role)
    assert server.child.stop(10) == 0
