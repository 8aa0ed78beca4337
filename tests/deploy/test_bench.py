"""`hopline bench`: what it posts is what services send, what it measures adds up, and capacity takes it."""

import json
import random
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from hopline_collector.block.core import Message, build_block
from hopline_collector.handover.plan import Plan
from hopline_deploy.bench import measure
from hopline_deploy.bench.costs import assumptions
from hopline_deploy.bench.measure import Cost
from hopline_deploy.bench.meter import read
from hopline_deploy.bench.traffic import FORMATS, PER_TRACE, posts, traces
from hopline_deploy.capacity import Assumptions, busy_cores
from hopline_deploy.commands import app
from hopline_deploy.remote import Remote
from support import wait_until
from support.accounts import wait_handed_over
from support.hopline_process import Server

NOW = 1_795_000_000_000_000


@pytest.mark.parametrize("form", FORMATS)
def test_its_traffic_is_taken_whole(form: str) -> None:
    """A5: every row of every source is stored, none is a dead letter, and a post holds rows of one service."""
    rows = list(traces(random.Random(3), 50, NOW))
    made = posts(form, rows)
    assert sum(post.rows for post in made) == len(rows) == 50 * PER_TRACE
    block = build_block([Message(n, form, post.body) for n, post in enumerate(made)], Plan(0, len(made), NOW))
    assert (block.counts.stored, block.counts.dead) == (len(rows), 0)
    assert {len({row.service for row in traces(random.Random(3), 1, NOW)})} == {5}


@given(st.floats(1, 200), st.floats(0, 500), st.floats(100, 2_000), st.floats(2, 20))
def test_two_loads_tell_a_span_from_a_block(own_us: float, block_ms: float, rows: float, factor: float) -> None:
    """A5: CPU per span that was made up of a span's own and a block's is taken apart again, and predicts both loads."""

    def load(block_rows: float) -> Cost:
        cpu_us = own_us + block_ms * 1_000 / block_rows
        return Cost("native", 1_000, block_rows * 0.8, cpu_us, 0.5, block_rows, 290.0, 100.0)

    slow, fast = load(rows), load(rows * factor)
    found = assumptions(slow, fast, Assumptions())
    for one in (slow, fast):
        measured = one.spans_per_s * one.cpu_us / 1e6
        assert busy_cores(one.spans_per_s, 1, found) == pytest.approx(measured, rel=0.02, abs=0.01)


def test_loads_that_tell_nothing_apart() -> None:
    """Bad input: equal blocks, or a slow load that costs less, make all of it the span's own."""
    one = Cost("native", 1_000, 1_000.0, 100.0, 6.0, 1_000.0, 290.0, None)
    for slow in (one, replace(one, block_rows=500.0, cpu_us=50.0)):
        found = assumptions(slow, one, Assumptions())
        assert found.collector_cpu_us + found.store_cpu_us == pytest.approx(100.0)
        assert found.block_cpu_ms == 0.01
        assert found.stored_bytes == Assumptions().stored_bytes


def test_a_running_server_is_watched(hopline_up: Callable[..., Server]) -> None:
    """A5: rows, CPU and bytes of a running server are read off its metrics; without traffic it says so."""
    server = hopline_up()
    quiet = CliRunner().invoke(app, ["bench", "--server", server.url, "--seconds", "2"])
    assert (quiet.exit_code, "no span was stored" in quiet.stderr) == (1, True)
    before = read(Remote(server.url))
    for post in posts("native", list(traces(random.Random(3), 30, NOW))):
        httpx.post(
            f"{server.url}/{post.path}", content=post.body, headers={"content-type": post.content_type}, timeout=60
        )
    wait_until(lambda: read(Remote(server.url)).rows - before.rows == 300, what="the rows")
    wait_handed_over(server.url)
    used = read(Remote(server.url)).since(before)
    assert used.cpu_s > 0
    assert used.message_bytes > 300 * 100
    assert used.blocks >= 1


@pytest.mark.timeout(600)
def test_the_verb_measures_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A5: costs of each source, and assumptions that capacity takes as they are printed."""
    monkeypatch.setattr(measure, "_SETTLED_S", 0.5)
    monkeypatch.setattr(measure, "_IDLE_S", 0.5)
    done = CliRunner().invoke(app, ["bench", "--rate", "400", "--seconds", "2", "--json"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert [cost["source"] for cost in answer["costs"]] == ["native", "native", "zipkin", "otlp"]
    assert all(cost["cpu_us"] >= 0 and cost["stored_bytes"] > 0 and cost["spans"] > 0 for cost in answer["costs"])
    words = [f"--assume={name}={value}" for name, value in answer["assume"].items()]
    asked = CliRunner().invoke(app, ["capacity", "--spans-per-second", "1000", *words, "--json"])
    assert asked.exit_code == 0, asked.output
