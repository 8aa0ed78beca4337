"""`hopline erase`, from outside: what is posted, erased, and looked for in the bytes of the data folder."""

import hashlib
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from hopline_collector.block.core import Message, build_block
from hopline_collector.block.limits import stored_text
from hopline_collector.erasure.needle import Needle
from hopline_collector.erasure.sweep import Sweep
from hopline_collector.handover.plan import Plan
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.migrate import migrate
from hopline_query.params import Params, QuerySettings
from hopline_query.store.settling import settle
from support import Children, wait_until
from support.accounts import wait_handed_over
from support.hopline_process import Server
from support.wire_rows import NOW, wire_message, wire_row

UID = "u-4711'x"
WORD = "4711'x"
NEIGHBOUR = "u-4711'xy"
OF_A_TRACE = ("spans", "settled", "settled_calls", "settled_causes")


def row(number: int, **more: Any) -> dict[str, Any]:
    plain = {"trace_id": f"{number:032x}", "span_id": "0", "id": f"{number:016x}", "kind": "server", "service": "shop"}
    times = {"name": "GET /", "start_us": time.time_ns() // 1000 - 5_000_000, "duration_us": 1000 + number % 7}
    return plain | times | more


def everywhere(rows: int) -> list[dict[str, Any]]:
    """`rows` rows with the id, as each kind of mention, and two rows of others."""
    mentions: list[dict[str, Any]] = [
        {"uid": UID},
        {"tags": {"customer": UID}},
        {"tags": {"url.path": f"/users/{UID}/orders"}},
        {"annotations": [[time.time_ns() // 1000, "who", UID]]},
        {"error": True, "error_type": "Gone", "error_text": f"no such user {UID}."},
    ]
    found = [row(number, **mentions[number % len(mentions)]) for number in range(1, rows + 1)]
    others = [row(10**6, uid=NEIGHBOUR), row(10**6 + 1, tags={"customer": NEIGHBOUR})]
    # The second row of a trace that carries the id in its first: it goes with its trace.
    return [*found, row(1, id="ff", parent_id=f"{1:016x}", kind="local", span_id="0.1"), *others]


def post(server: Server, rows: list[dict[str, Any]]) -> None:
    for first in range(0, len(rows), 2_000):
        answer = httpx.post(f"{server.url}/api/v1/spans", json=rows[first : first + 2_000], timeout=60)
        assert answer.json()["rejected"] == [], answer.text


def holding(folder: Path) -> list[str]:
    """Files below `folder` with the id in them."""
    command = ["grep", "-rlaF", WORD, str(folder)]
    # The neighbour's longer id is nobody's to erase; its rows are compressed together with others.
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()


def erase(children: Children, server: Server, *flags: str) -> dict[str, Any]:
    child = children.python("-m", "hopline_deploy", "erase", "--json", "--server", server.url, *flags)
    assert child.wait(180) == 0, child.output
    return json.loads(child.output)


def figures(server: Server) -> Any:
    known = server.get("stats")["services"]
    return [(s["service"], s["calls"], s["errors"], s["p99_us"]) for s in known]


def test_a_user_is_gone_from_every_place(children: Children, hopline_up: Callable[..., Server], tmp_path: Path) -> None:
    """A3, R5: 10,000 rows in every place; afterwards no file holds the id, figures and other users stay."""
    data = tmp_path / "d"
    server = hopline_up("--data", str(data))
    rows = [one for one in everywhere(10_000) if NEIGHBOUR not in json.dumps(one)]
    post(server, rows)
    wait_until(lambda: sum(s[1] for s in figures(server)) == 10_000, what="every row stored")
    wait_handed_over(server.url)
    before = figures(server)
    counted = erase(children, server, "--uid", UID, "--dry-run")
    assert (counted["traces"], counted["done"]) == (10_000, True)
    assert server.get("traces", uid=UID)["count"] > 0
    gone = erase(children, server, "--uid", UID)
    # Traces settle meanwhile: a row of their own, one for each entry call and one for what began a failure.
    settling = {"settled": 0, "settled_calls": 0, "settled_causes": 0}
    assert gone["places"] | settling == counted["places"] | settling
    assert gone["places"]["spans"] == 10_001
    assert {"traces_by_uid", "tag_values", "error_groups", "traces"} <= set(gone["places"])
    assert holding(data) == []
    assert figures(server) == before
    assert httpx.get(f"{server.url}/api/v1/traces/{1:032x}", timeout=60).status_code == 404
    audited = [json.loads(line) for line in (data / "audit.jsonl").read_text().splitlines()]
    assert [(a["event"], a["sha256"], a["traces"]) for a in audited] == [
        ("erase", hashlib.sha256(UID.encode()).hexdigest(), 10_000)
    ]
    assert UID not in server.child.output
    assert erase(children, server, "--uid", UID) | {"places": {}} == {
        "uid": UID, "traces": 0, "rows": 0, "places": {}, "done": True
    }  # fmt: skip


def test_others_stay(children: Children, hopline_up: Callable[..., Server], tmp_path: Path) -> None:
    """A3: an id that only begins alike is another user's; one trace can go alone, and takes its neighbours nowhere."""
    server = hopline_up("--data", str(tmp_path / "d"))
    post(server, everywhere(20))
    wait_until(lambda: sum(s[1] for s in figures(server)) >= 22, what="every row stored")
    wait_handed_over(server.url)
    alone = erase(children, server, "--trace", f"{server.url}/traces/{5:032x}")
    assert (alone["traces"], alone["trace_id"]) == (1, f"{5:032x}")
    assert erase(children, server, "--uid", UID)["traces"] == 19
    kept = {f"{10**6:032x}", f"{10**6 + 1:032x}"}
    assert {trace["trace_id"] for trace in server.get("traces")["traces"]} == kept
    both = children.python("-m", "hopline_deploy", "erase", "--uid", "a", "--trace", "b", "--server", server.url)
    assert both.wait(60) == 2


def test_an_erasure_outlives_its_process(children: Children, hopline_up: Callable[..., Server], tmp_path: Path) -> None:
    """A3: kill -9 in the middle; the next start goes on by itself and finishes."""
    data = tmp_path / "d"
    server = hopline_up("--data", str(data))
    rows = [one for one in everywhere(3_000) if NEIGHBOUR not in json.dumps(one)]
    post(server, rows)
    wait_until(lambda: sum(s[1] for s in figures(server)) == 3_000, what="every row stored")
    wait_handed_over(server.url)
    job = httpx.post(f"{server.url}/api/v1/erasures", json={"uid": UID}, timeout=60).json()
    wait_until(lambda: server.get(f"erasures/{job['id']}")["traces"] > 0, what="the traces are named")
    server.child.kill9()
    again = hopline_up("--data", str(data))
    # The line is written before the job's file goes, so that no death between the two loses it.
    wait_until(lambda: list((data / "erasures").iterdir()) == [], 120, what="the end of the job")
    assert json.loads((data / "audit.jsonl").read_text())["traces"] == 3_000
    assert again.get("traces", uid=UID)["count"] == 0
    assert holding(data) == []


@pytest.mark.parametrize("text", ["", "  ", "x" * 1_025])
def test_what_is_no_id(text: str) -> None:
    """A3: blanks would find everything, and are refused."""
    with pytest.raises(ValueError, match="uid"):
        Needle(text)


@pytest.mark.parametrize("text", ["L" * 300, "ü" * 200, "a\tb", " lead", "O'Bri\\en\n", "x\x01y", "\x01", UID])
def test_an_id_is_found_as_it_is_kept(engine: ClickHouse, text: str) -> None:
    """A3: what rows keep of an id that is long or odd is found too, by searches as well, and nothing else is."""
    needle = Needle(text)
    (kept,) = build_block([Message(0, "native", wire_message(wire_row(1, uid=text)))], Plan(0, 1, NOW)).columns["uid"]
    assert Params({"uid": text}, NOW, QuerySettings()).text("uid") == kept if kept else stored_text("uid", text) == ""
    longer = [f"{kept}z"] if kept.isascii() and kept else []
    texts = [kept, text, f"of {text}!", "", " ", "other", kept[:-1], *longer]
    found = engine.ask(
        f"SELECT c FROM (SELECT arrayJoin({{texts:Array(String)}}) AS c) WHERE {needle.found_in(['c'])}",
        {"texts": texts, **needle.parameters()},
    )
    assert {c for (c,) in found} == {kept, text, f"of {text}!"} - {""}


def test_any_store(any_store: ClickHouse) -> None:
    """A3: on one server and on shards too, the server's own logs included."""
    migrate(any_store)
    now = time.time_ns() // 1000
    count = 300
    block: dict[str, list[Any]] = {
        "trace_id": [n.to_bytes(16, "big") for n in range(1, count + 1)],
        "id": list(range(1, count + 1)),
        "kind": ["server"] * count,
        "service": ["shop"] * count,
        "start_us": [now] * count,
        "uid": [UID if n % 2 else "other" for n in range(count)],
        "error": [1] * count,
        "error_text": [f"no {UID}" if n % 2 else "no" for n in range(count)],
        "weight": [1_000] * count,
        "keep": [1] * count,
        "arrived": [now] * count,
    }
    any_store.insert("ingest", block, "erase-any")
    settle(any_store, now + 60_000_000)
    letters = {"arrived": [now, now + 1], "source": ["s", "s"], "raw": [f"of {UID}", f"of {NEIGHBOUR}"]}
    any_store.insert("dead_letters", letters, "erase-any-dead")
    any_store.ask(f"SELECT count() FROM {any_store.database}.spans WHERE uid = {{uid:String}}", {"uid": UID})
    if not any_store.settings.path:
        any_store.define("SYSTEM FLUSH LOGS")
    sweep = Sweep(any_store, Needle(UID), now, time.sleep)
    traces, places = sweep.count()
    assert (traces, places["dead_letters"]) == (count // 2, 1)
    # Of each trace its row, and what was written as it settled: the id is among the users whom its cause hurt.
    assert {name: places[name] for name in OF_A_TRACE} == dict.fromkeys(OF_A_TRACE, count // 2)
    sweep.erase()
    sweep.forget()
    assert sweep.count() == (0, {})
    left = any_store.ask(f"SELECT uid, count() FROM {any_store.database}.spans GROUP BY uid")
    assert [tuple(one) for one in left] == [("other", count // 2)]
    hurt = any_store.ask(f"SELECT uids, count() FROM {any_store.database}.settled_causes GROUP BY uids")
    assert [(list(uids), number) for uids, number in hurt] == [(["other"], count // 2)]
    kept = any_store.ask(f"SELECT raw FROM {any_store.database}.dead_letters")
    assert [one[0] for one in kept] == [f"of {NEIGHBOUR}"]
