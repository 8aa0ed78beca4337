"""OpenTelemetry's own instrumentations and ours in one trace, over real processes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hopline_deploy.broker import Broker
from support import Child, Children, wait_until
from support.accounts import wait_handed_over
from support.hopline_process import Server
from support.ports import lasting_ports

from .otel_environment import environment

SUPPORT = Path(__file__).parents[1] / "support"

SETTINGS = {
    "OTEL_TRACES_EXPORTER": "hopline",
    "OTEL_TRACES_SAMPLER": "hopline_parentbased",
    "OTEL_PYTHON_ID_GENERATOR": "hopline",
    "OTEL_PYTHON_CONTEXT": "hopline",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_BSP_SCHEDULE_DELAY": "100",
    "OTEL_PYTHON_EXCLUDED_URLS": "health",
}


WINDOW = {"from": "now-30m", "to": "now"}


def otel(children: Children, name: str, port: int, *callees: str, endpoint: str, **beside: str) -> Child:
    """A service instrumented by OpenTelemetry alone, or where ``beside`` says so by us too.

    Our sampler and exporter come by their names.
    """
    folder = environment() / "bin"
    python = str(folder / "python")
    command = [str(folder / "opentelemetry-instrument"), python]
    if beside.get("OURS") == "run":
        command += ["-m", "hopline.launch", "--", python]
    settings = {**SETTINGS, "OTEL_SERVICE_NAME": name, "HOPLINE_ENDPOINT": endpoint, **beside}
    script = Path(__file__).with_name("otel_service.py")
    return children.start(*command, "-P", str(script), str(port), *callees, env=settings)


def ours(children: Children, name: str, port: int, *callees: str, endpoint: str) -> Child:
    """A service instrumented by us."""
    script = SUPPORT / "article.py"
    return children.python("-P", str(script), name, str(port), *callees, env={"HOPLINE_ENDPOINT": endpoint})


def nodes(roots: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for node in roots:
        yield node
        yield from nodes(node["children"])


def complete(server: Server, trace_id: str, places: set[str]) -> dict[str, Any]:
    """The trace once the rows of all ``places`` are there, callers' apart: every process sends when it likes."""
    answer = server.get(f"traces/{trace_id}")
    assert answer["state"] == "complete", (answer["state"], answer["missing"])
    arrived = {row["span_id"] for row in rows(answer) if row["kind"] != "client"}
    assert places <= arrived, places - arrived
    return answer


def start_chain(children: Children, endpoint: str, kinds: dict[str, Callable[..., Child]]) -> str:
    """A calls B and E, B calls C; the address of A."""
    calls = {"A": ("B", "E"), "B": ("C",), "C": (), "E": ()}
    ports = dict(zip(calls, lasting_ports(len(calls)), strict=True))
    address = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    started = {
        name: kinds[name](children, name, ports[name], *(address[c] for c in callees), endpoint=endpoint)
        for name, callees in calls.items()
    }
    for name, child in started.items():
        child.wait_for_url(f"{address[name]}/health")
    return address["A"]


def assert_one_tree(server: Server, address: str, internal: set[str]) -> dict[str, Any]:
    """The article's ids, and below each OpenTelemetry server the spans of its answer's messages."""
    answer = httpx.get(f"{address}/serve/tea", timeout=60)
    assert answer.status_code == 200
    trace_id = answer.headers["hopline-trace-id"]
    tree = wait_until(lambda: complete(server, trace_id, {"0", "0.1", "0.2", "0.1.1"} | internal), deadline=60)
    wait_handed_over(server.url)
    found = {node["span_id"]: node["service"] for node in nodes(tree["roots"])}
    assert found == {"0": "A", "0.1": "B", "0.2": "E", "0.1.1": "C"} | {path: found.get(path) for path in internal}
    assert not any(node["warnings"] for node in nodes(tree["roots"]))
    return tree


def rows(tree: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for node in nodes(tree["roots"]) for row in node["rows"]]


def assert_same_ids(tree: dict[str, Any]) -> None:
    """Every parent is a row of the trace, and both sides of each call have one path."""
    by_id = {row["id"]: row for row in rows(tree)}
    for row in rows(tree):
        if row["parent_id"] is None:
            assert row["span_id"] == "0"
            continue
        parent = by_id[row["parent_id"]]
        if row["kind"] == "server":
            assert (parent["kind"], parent["span_id"]) == ("client", row["span_id"])
            assert row["caller_service"] == parent["service"]
        else:
            assert row["span_id"].rpartition(".")[0] == parent["span_id"]


def test_otel_calls_ours_calls_otel(children: Children, hopline_up: Callable[..., Server]) -> None:
    """I11, M10: A and C and E by OpenTelemetry, B by us: one tree, the article's ids, nothing missing."""
    environment()
    server = hopline_up()
    address = start_chain(children, server.url, {"A": otel, "B": ours, "C": otel, "E": otel})
    tree = assert_one_tree(server, address, {"0.3", "0.4", "0.1.1.1", "0.1.1.2", "0.2.1", "0.2.2"})
    assert_same_ids(tree)
    assert len(rows(tree)) == 4 + 3 + 6
    edges = {(e["caller"], e["callee"]): e["calls"] for e in server.get("dependencies", **WINDOW)["edges"]}
    assert edges == {("USER", "A"): 1, ("A", "B"): 1, ("A", "E"): 1, ("B", "C"): 1}


def test_ours_calls_otel_through_kafka(
    own_broker: Broker, children: Children, hopline_up: Callable[..., Server]
) -> None:
    """I11, M10: A and C by us, B and E by OpenTelemetry, everything shipped through a real Kafka broker."""
    environment()
    server = hopline_up("--kafka", own_broker.address)
    endpoint = f"kafka://{own_broker.address}"
    address = start_chain(children, endpoint, {"A": ours, "B": otel, "C": ours, "E": otel})
    tree = assert_one_tree(server, address, {"0.1.2", "0.1.3", "0.2.1", "0.2.2"})
    assert_same_ids(tree)
    peers = {row["span_id"]: row["peer"] for row in rows(tree) if row["kind"] == "client" and row["service"] == "A"}
    assert peers == {"0.1": "B", "0.2": "E"}, "the answers name the service"


@pytest.mark.parametrize("beside", ["", "run", "wrap"])
def test_both_instrumentations_make_one_row(children: Children, hopline_up: Callable[..., Server], beside: str) -> None:
    """14, I11: whichever of the two lies outside, and without the setting of the context, a call has one row a side.

    The client's row names who answered, by httpx and by requests, so the map has one edge of it.
    """
    server = hopline_up()
    ports = dict(zip("AB", lasting_ports(2), strict=True))
    addresses = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    settings = {"OURS": beside, "OTEL_PYTHON_CONTEXT": "", "HOPLINE_IGNORE_PATHS": "/health"}
    for name, callees in {"A": [addresses["B"]], "B": []}.items():
        child = otel(children, name, ports[name], *callees, endpoint=server.url, **settings)
        child.wait_for_url(f"{addresses[name]}/health")
    for path in ("serve", "requests"):
        assert_one_row_a_side(server, httpx.get(f"{addresses['A']}/{path}/tea", timeout=60), path)
    edges = {(e["caller"], e["callee"]): e["calls"] for e in server.get("dependencies", **WINDOW)["edges"]}
    assert edges == {("USER", "A"): 2, ("A", "B"): 2}
    assert len(server.get("traces", **WINDOW)["traces"]) == 2


def assert_one_row_a_side(server: Server, answer: httpx.Response, path: str) -> None:
    (trace_id,) = answer.headers.get_list("hopline-trace-id")
    tree = wait_until(lambda: complete(server, trace_id, {"0", "0.1"}), deadline=60)
    wait_handed_over(server.url)
    calls = [(row["span_id"], row["service"], row["kind"]) for row in rows(tree) if row["kind"] != "local"]
    assert sorted(calls) == [("0", "A", "server"), ("0.1", "A", "client"), ("0.1", "B", "server")]
    local = {row["name"] for row in rows(tree) if row["kind"] == "local"}
    assert local <= {f"GET /{path}/{{item}} http send", "GET /serve/{item} http send"}
    assert [row["peer"] for row in rows(tree) if row["kind"] == "client"] == ["B"]
