"""`hopline capacity`: arithmetic that holds together."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from hopline_deploy.capacity import Assumptions, failures, plan
from hopline_deploy.commands import app
from hopline_deploy.simulation import SESSION_S, Failure, Fleet, simulate

NAMES = {"partitions", "collectors", "cores", "memory_bytes", "clickhouse_nodes", "disk_bytes", "kafka_disk_bytes"}


@given(st.floats(1, 1e6), st.floats(1, 365))
def test_more_needs_more(rate: float, days: float) -> None:
    """A5: twice the load needs no less of anything, and twice the disk; every collector has a partition."""
    one, two = (plan(rate * factor, days, Assumptions()) for factor in (1, 2))
    assert all(getattr(two, name) >= getattr(one, name) for name in NAMES)
    assert two.disk_bytes == pytest.approx(2 * one.disk_bytes, abs=2)
    assert one.partitions >= one.collectors


def test_the_verb_says_what_it_rests_on() -> None:
    """A5: the JSON has the names of the contract and every assumption; assumptions can be changed."""
    words = ["capacity", "--spans-per-second", "10000", "--days", "7", "--json"]
    answer = json.loads(CliRunner().invoke(app, words).output)
    assert set(answer) == NAMES | {"assumptions", "failures"}
    half = json.loads(CliRunner().invoke(app, [*words, "--assume", "stored_bytes=65"]).output)
    assert half["disk_bytes"] * 2 == pytest.approx(answer["disk_bytes"], abs=2)
    for wrong in (
        ["--assume", "luck=1"],
        ["--assume", "stored_bytes=x"],
        ["--days", "0"],
        ["--spans-per-second", "nan"],
    ):
        refused = CliRunner().invoke(app, [*words, *wrong])
        assert refused.exit_code == 2
        assert refused.stderr.startswith("hopline: ")


def test_the_page_tells_what_the_verb_does() -> None:
    """A5: the table of docs/capacity.md is the verb's own."""
    text = (Path(__file__).parents[2] / "docs/capacity.md").read_text()
    for line in re.findall(r"^\| [\d,]+ \|.*$", text, re.MULTILINE):
        rate, partitions, collectors, cores, _, nodes, *_ = (cell.strip() for cell in line.strip("|").split("|"))
        found = plan(float(rate.replace(",", "")), 7, Assumptions())
        assert (found.partitions, found.collectors, found.cores, found.clickhouse_nodes) == tuple(
            int(cell) for cell in (partitions, collectors, cores, nodes)
        )


@settings(max_examples=15)
@given(st.floats(1, 5e5))
def test_a_plan_survives_what_it_promises(rate: float) -> None:
    """A5: the store away for an hour, or a collector gone for good: each plan catches up within hours."""
    found = plan(rate, 7, Assumptions())
    outcomes = failures(found, rate, Assumptions())
    assert set(outcomes) == {"store_away_an_hour"} | ({"collector_lost"} if found.collectors > 1 else set())
    assert all(outcome.caught_up_s is not None and outcome.caught_up_s < 8 * 3_600 for outcome in outcomes.values())
    if found.collectors > 1:
        assert outcomes["collector_lost"].behind_s <= 2 * SESSION_S


def test_what_is_too_small_never_catches_up() -> None:
    """A5: the simulation tells a fleet that is too small, or whose partitions do not divide, from one that will do."""
    lost = Failure(collectors_lost=1)
    assert simulate(Fleet(6, 12, 20_000, 100_000), lost).caught_up_s is None
    assert simulate(Fleet(6, 7, 20_000, 80_000), lost).caught_up_s is None
    good = simulate(Fleet(6, 10, 20_000, 80_000), lost)
    assert good.caught_up_s is not None
    assert SESSION_S <= good.behind_s < good.caught_up_s < 120
    assert simulate(Fleet(1, 2, 20_000, 10), lost).caught_up_s is None
    assert simulate(Fleet(2, 2, 20_000, 16_000), Failure(store_away_s=600)).caught_up_s == pytest.approx(1_000, abs=5)
