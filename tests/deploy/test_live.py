"""`hopline tail` and `hopline top` against a running server."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from hopline_deploy.commands_live import table
from hopline_deploy.following import SETTLED_US, Following
from support import Children, wait_until
from support.hopline_process import Server


def post(server: Server, number: int, **more: Any) -> None:
    now = time.time_ns() // 1000
    outer = {"trace_id": f"{number:032x}", "span_id": "0", "id": f"{1:016x}", "service": "shop", "kind": "server"}
    outer |= {"name": "GET /", "start_us": now, "duration_us": 20_000, **more}
    inner = {"span_id": "0.1", "id": f"{2:016x}", "parent_id": f"{1:016x}", "service": "stock", "name": "look"}
    httpx.post(
        f"{server.url}/api/v1/spans", json=[outer, outer | inner | {"duration_us": 5_000}], timeout=60
    ).raise_for_status()


def test_new_traces_are_printed_as_trees(children: Children, hopline_up: Callable[..., Server]) -> None:
    """A8: tail tells each new trace that meets the conditions once, as its tree; what was before is not told."""
    server = hopline_up()
    post(server, 1, error=True)
    wait_until(lambda: server.get("traces")["count"] == 1, what="the old trace")
    child = children.python(
        "-u", "-m", "hopline_deploy", "tail", "--errors", "--count", "2", "--every", "0.2", "--server", server.url
    )
    posted = 1

    def told() -> bool:
        # Two of each until the first is seen: nothing says when the verb has begun to look.
        nonlocal posted
        posted += 2
        post(server, posted - 1)
        post(server, posted, error=True, error_type="Timeout")
        return not child.running()

    wait_until(told, what="two traces")
    ids = [line for line in child.output.splitlines() if len(line) == 32 and line.strip("0123456789abcdef") == ""]
    assert len(ids) == len(set(ids)) == 2
    assert all(int(one, 16) % 2 == 1 and int(one, 16) > 1 for one in ids)
    assert child.output.count("stock look") == 2


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hopline_deploy", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_services_are_listed_again_and_again(hopline_up: Callable[..., Server]) -> None:
    """A8: top prints services by rate, look after look; a wrong condition ends in one line."""
    server = hopline_up()
    post(server, 1, error=True)
    wait_until(lambda: len(server.get("stats")["services"]) == 2, what="figures")
    shown = run("top", "--count", "2", "--every", "0.2", "--server", server.url)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count("2 in all") == 2
    assert shown.stdout.count("shop") == 2
    looks = run("top", "--json", "--count", "1", "--service", "shop", "--server", server.url).stdout.splitlines()
    assert [entry["operation"] for entry in json.loads(looks[0])["services"]] == ["GET /"]
    for arguments, says in ((("top", "--window", "soon"), "from"), (("tail", "--filter", "a >"), "filter")):
        wrong = run(*arguments, "--server", server.url)
        assert (wrong.returncode, len(wrong.stderr.splitlines())) == (2, 1)
        assert says in wrong.stderr


@given(width=st.integers(40, 200), name=st.text(max_size=60))
def test_figures_stand_whole_at_any_width(width: int, name: str) -> None:
    """A8: no line is wider than the terminal; figures are never cut."""
    entry = {"service": name, "qps": 1234.5, "success_rate": 0.9871, "p50_us": 1_240_000, "p99_us": None}
    lines = table({"services": [entry], "to_us": 0}, 20, width)
    assert all(cell_len(line.plain) <= width for line in lines)
    assert "98.71" in lines[2].plain


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 10**8), st.integers(0, 10**7)), max_size=100))
def test_each_trace_is_told_once(looks: list[tuple[int, int, int]]) -> None:
    """A8: however often a trace is listed, it is told once, after it has settled."""
    following = Following(0)
    told: list[str] = []
    now = 0
    for number, start, took in looks:
        now += 1_000_000
        trace = {"trace_id": str(number), "start_us": min(start, now), "duration_us": took}
        for new in following.news([trace], now):
            assert new["start_us"] + new["duration_us"] + SETTLED_US <= now
            told.append(new["trace_id"])
    assert len(told) == len(set(told))
