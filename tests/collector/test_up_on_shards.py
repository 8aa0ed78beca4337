"""The commands on a cluster: settings by environment, `migrate` first, then everything as on one machine."""

import time
from collections.abc import Callable

import httpx

from support.clickhouse_server import Shards
from support.hopline_process import Server
from support.process import Children
from support.waiting import wait_until


def test_up_answers_on_three_shards(
    children: Children, hopline_up: Callable[..., Server], own_shards: Shards, monkeypatch
) -> None:
    """K1: posts are stored on all shards and found; a start before `migrate` says what to run and makes nothing."""
    monkeypatch.setenv("HOPLINE_CLICKHOUSE", own_shards.url)
    monkeypatch.setenv("HOPLINE_CLUSTER", own_shards.name)
    monkeypatch.setenv("HOPLINE_REPLICATED", "false")
    early = children.python("-m", "hopline_deploy", "doctor")
    early.wait(60)
    assert "run hopline migrate" in early.output
    assert own_shards.servers[0].execute("SELECT count() FROM system.tables WHERE database LIKE 'hopline%'") == "0\n"
    for _ in range(2):
        assert children.python("-m", "hopline_deploy", "migrate").wait(120) == 0
    server = hopline_up()
    now = time.time_ns() // 1000
    rows = [
        {
            "trace_id": f"{now // 1_000_000:08x}{n:024x}",
            "id": f"{n + 1:016x}",
            "span_id": "0",
            "kind": "server",
            "service": "shop",
            "name": "GET /",
            "uid": "u-1",
            "start_us": now - 1_000_000,
            "duration_us": 1_000,
            "tags": {"color": "red"},
        }
        for n in range(60)
    ]
    assert httpx.post(f"{server.url}/api/v1/spans", json=rows, timeout=60).status_code == 202

    def found() -> bool:
        return len(server.get("traces", service="shop", filter="color=red", limit="100")["traces"]) == 60

    wait_until(found, what="every trace in the search")
    assert len(server.get("traces", uid="u-1", limit="100")["traces"]) == 60
    assert server.get("stats", service="shop")["services"][0]["calls"] == 60
    assert server.get(f"traces/{rows[7]['trace_id']}")["received"] == 1
    assert {edge["caller"] for edge in server.get("dependencies")["edges"]} == {"USER"}
    assert {table["table"] for table in server.get("system")["tables"]} >= {"spans", "ledger"}
    holding = [shard.execute("SELECT count() > 0 FROM hopline_local.spans") for shard in own_shards.servers]
    assert holding == ["1\n"] * 3
