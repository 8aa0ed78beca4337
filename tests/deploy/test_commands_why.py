"""The verbs that ask why, over a real API with traces in memory."""

import json
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from typer.testing import CliRunner, Result

from hopline_deploy.commands import app
from hopline_query.api import create_router
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader
from support.any_rows import NOW
from support.shops import START, Call, rows_of
from ui_support import serve

HALF = START + 30_500_000
RANGE = ("--from", str(HALF), "--to", str(START + 60_000_000))
BASE = ("--base-from", str(START - 1), "--base-to", str(HALF))


def shop(number: int) -> list:
    """A request a second; from number 31 on it loops over the stock, and no longer asks the [bold] cache."""
    looping = number > 30
    stock = [Call("stock", "get", 100 * n, 90) for n in range(1, 8 if looping else 2)]
    cache = [] if looping else [Call("[bold]cache", "get", 10, 5)]
    return rows_of(
        Call("web", "GET /", 0, 1_500 if looping else 1_000, [*cache, *stock], "server"),
        number,
        START + number * 1_000_000 - 1,
    )


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    service = QueryService(MemoryReader([row for n in range(1, 61) for row in shop(n)]), clock=lambda: NOW)
    serving = FastAPI()
    serving.include_router(create_router(service))
    with serve(None, serving) as served:
        yield served.url


def run(url: str, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--server", url], env={"COLUMNS": "200"})


def test_shapes_say_what_is_new_gone_and_looping(url: str):
    """Y5: one line a shape with its news, and the loop with what it costs over all traces."""
    answer = run(url, "shapes", "--service", "web", *RANGE, *BASE)
    assert answer.exit_code == 0
    lines = answer.output.splitlines()
    assert any("new" in line and "web GET /, 1 below" in line for line in lines)
    assert any("vanished" in line and "web GET /, 2 below" in line for line in lines)
    assert any("stock get" in line and "web GET /" in line and "210" in line for line in lines)
    told = json.loads(run(url, "shapes", *RANGE, *BASE, "--json").stdout)
    assert [loop["cost_us"] for loop in told["repeats"]] == [30 * 540]


def test_worse_says_what_moved_the_percentile(url: str):
    """Y4: the mean's parts in a table, the percentile's in the sentence below it."""
    words = " ".join(run(url, "worse", "--service", "web", *RANGE, *BASE).output.split())
    assert "mean 1 ms over 30 calls, then 1.5 ms over 30; p95 +500 us by other calls" in words


def test_shapes_of_nothing_and_a_mistake(url: str):
    """R2: an empty range is an empty table; what cannot be understood ends in one line."""
    assert "0 traces" in run(url, "shapes", "--service", "nobody", *RANGE).output
    wrong = run(url, "shapes", "--base-from", "then")
    assert wrong.exit_code == 2
    assert "base_from" in wrong.output
    assert "Traceback" not in wrong.output
