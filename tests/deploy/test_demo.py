"""The demo as a user runs it: one command, one address, and nothing left behind."""

import random
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from hopline_deploy.broker import missing_reason
from hopline_deploy.demo.payments import OUTAGE_EVERY_S, failing_share
from hopline_deploy.demo.service import clock, delay
from hopline_deploy.demo.shop import PLACES
from hopline_deploy.demo.traffic import next_request
from support import Child, Children, require, wait_until
from support.ports import lasting_ports

SERVICES = {place.name for place in PLACES}


def descendants(pid: int) -> set[int]:
    """Every process below `pid`."""
    children: dict[int, set[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, set()).add(int(stat.parent.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), set()) - found
        found |= below
        waiting += below
    return found


def gone(pids: set[int]) -> bool:
    return not any(Path(f"/proc/{pid}/cmdline").exists() and _command(pid) for pid in pids)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def start(children: Children, folder: Path, *flags: str) -> tuple[Child, str]:
    web, otlp = lasting_ports(2)
    arguments = ["demo", "--port", str(web), "--otlp-port", str(otlp), "--data", str(folder), "--rate", "25"]
    child = children.python("-m", "hopline_deploy", *arguments, *flags)
    return child, child.wait_for_text("Hopline demo: ", deadline=90).split()[2]


def whole_order(url: str) -> dict[str, Any]:
    """A paid order that has gone through every service, and on to both workers.

    The workers' rows share a path, so a trace is complete when the first of the two has come.
    """
    for found in httpx.get(f"{url}/api/v1/traces", params={"operation": "POST /checkout"}, timeout=60).json()["traces"]:
        trace = httpx.get(f"{url}/api/v1/traces/{found['trace_id']}", timeout=60).json()
        whole = trace["state"] == "complete" and {s["service"] for s in trace["services"]} == SERVICES
        if whole and kinds(trace)["consumer"] > 1:
            return trace
    return {}


def rows(nodes: list[dict[str, Any]]):
    for node in nodes:
        yield from node["rows"]
        yield from rows(node["children"])


def kinds(trace: dict[str, Any]) -> Counter[str]:
    return Counter(row["kind"] for row in rows(trace["roots"]))


@pytest.mark.parametrize("flags", [(), ("--kafka",)], ids=["alone", "kafka"])
def test_a_live_shop(children: Children, tmp_path: Path, flags: tuple[str, ...]) -> None:
    """O1: seven services, a queue with two consumers, a database, a skewed clock, users; Ctrl-C leaves nothing."""
    if flags:
        require("Kafka broker", missing_reason())
    child, url = start(children, tmp_path / "demo", *flags)
    trace = wait_until(lambda: whole_order(url), interval=0.5)
    assert trace["service"] == "gateway"
    assert trace["uids"]
    assert kinds(trace)["consumer"] == 2
    assert kinds(trace)["producer"] == 1
    assert {row["peer_kind"] for row in rows(trace["roots"])} >= {"service", "db", "mq", "cache", "external"}
    started = descendants(child.pid)
    assert len(started) >= len(PLACES) + 2
    child.send(signal.SIGINT)
    assert child.wait(20) == 0
    assert gone(started)


def test_two_demos_do_not_share_a_folder(children: Children, tmp_path: Path) -> None:
    """O1: a second demo on the same data says who holds it; a killed one takes its services with it."""
    first, _ = start(children, tmp_path / "demo")
    second = children.python("-m", "hopline_deploy", "demo", "--data", str(tmp_path / "demo"))
    assert second.wait(60) == 1
    assert f"in use by process {first.pid}" in second.output
    started = descendants(first.pid)
    first.kill9()
    wait_until(lambda: gone(started), what="the end of every service")


def test_customers_do_what_customers_do() -> None:
    """The traffic holds look-ups, purchases, account pages and a blocked customer."""
    chance = random.Random(7)
    asked = [next_request(chance) for _ in range(2_000)]
    kinds = Counter((method, path.split("/")[1]) for method, path, _ in asked)
    assert set(kinds) == {("GET", "products"), ("POST", "checkout"), ("GET", "account")}
    assert any("blocked" in f"{path}{body}" for _, path, body in asked)


def test_the_bank_has_outages() -> None:
    """Most calls fail in an outage, few outside."""
    shares = [failing_share(second) for second in range(OUTAGE_EVERY_S)]
    assert max(shares) > 0.5
    assert sum(share < 0.1 for share in shares) > 70


@pytest.mark.parametrize("skew_ms", [0, 180])
def test_a_skewed_clock_runs_ahead(skew_ms: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """T13's input: a service whose clock is wrong by a known amount."""
    monkeypatch.setattr("time.time_ns", lambda: 1_000)
    assert clock(skew_ms)() == 1_000 + skew_ms * 1_000_000


def test_slow_calls_are_rare_and_slow() -> None:
    """Delays are around the usual value, now and then around the slow one."""
    chance = random.Random(1)
    delays = sorted(delay(chance, 10, slow_ms=500, slow_share=0.02) for _ in range(5_000))
    assert 0.008 < delays[2_500] < 0.012
    assert delays[-20] > 0.3
