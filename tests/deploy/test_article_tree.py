"""The tree that explains the ids, over real processes, from the request to the figures."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from hopline_deploy.broker import Broker
from support import Children, wait_until
from support.article import UID
from support.hopline_process import Server, start_article

TREE = {"0": "A", "0.1": "B", "0.2": "E", "0.1.1": "C"}


def services(nodes: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """``(span_id, service)`` of every node below `nodes`."""
    for node in nodes:
        yield node["span_id"], node["service"]
        yield from services(node["children"])


def complete(server: Server, trace_id: str) -> dict[str, Any]:
    answer = server.get(f"traces/{trace_id}")
    assert answer["state"] == "complete", answer["state"]
    return answer


def assert_article(server: Server, address: str) -> None:
    """One request to A is there by trace id, by user, in the map and in the figures."""
    sent = httpx.get(f"{address}/work/tea", timeout=15.0)
    assert sent.json() == {"service": "A"}
    trace_id = sent.headers["hopline-trace-id"]

    trace = wait_until(lambda: complete(server, trace_id), deadline=30)
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
    assert stats["A"]["avg_us"] > stats["B"]["avg_us"] > stats["C"]["avg_us"] > 0
    assert stats["A"]["p999_us"] >= stats["A"]["avg_us"] * 0.98


def test_over_http(children: Children, hopline_up: Callable[..., Server]) -> None:
    """M2: A (0) calls B (0.1) and E (0.2), B calls C (0.1.1); shipped over HTTP, kept in the journal."""
    server = hopline_up()
    assert_article(server, start_article(children, server.url))


def test_over_kafka(own_broker: Broker, children: Children, hopline_up: Callable[..., Server]) -> None:
    """M2: the same tree through a real Kafka broker."""
    server = hopline_up("--kafka", own_broker.address)
    assert_article(server, start_article(children, f"kafka://{own_broker.address}"))


@pytest.mark.parametrize("role", ["collector", "query"])
def test_roles_end_with_0(hopline_up: Callable[..., Server], role: str) -> None:
    """R6: each process is ready, and SIGTERM ends it with 0 in under 10 s."""
    server = hopline_up(role=role)
    assert server.child.stop(10) == 0
