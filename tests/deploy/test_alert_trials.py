"""`hopline alerts test`: when rules that are held against earlier days would have fired."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from typer.testing import CliRunner

from hopline_deploy.commands import app
from support import wait_until
from support.accounts import wait_handed_over
from support.hopline_process import Server

HOUR_US = 3_600_000_000
RULES = """
[[rule]]
name = "orders stop"
service = "orders"
measure = "qps"
below = 0.5
over = "10m"
against = "3d"
"""


def row(number: int, start_us: int) -> dict[str, Any]:
    shared = {"trace_id": f"{number + 1:032x}", "span_id": "0", "id": f"{number + 1:016x}", "kind": "server"}
    return shared | {"service": "orders", "name": "op", "start_us": start_us, "duration_us": 900}


def test_a_drop_against_earlier_days_is_found(hopline_up: Callable[..., Server], tmp_path: Path) -> None:
    """A1: an hour without a call, busy on the days before, would have fired from its first window to its end."""
    silent = time.time_ns() // 1_000 // HOUR_US * HOUR_US - 2 * HOUR_US
    starts = [silent - day * 24 * HOUR_US + minute * 60_000_000 for day in (1, 2, 3) for minute in range(60)]
    server = hopline_up()
    answer = httpx.post(
        f"{server.url}/api/v1/spans",
        json=[row(number, start) for number, start in enumerate(starts)],
        headers={"Hopline-Keep-Times": "1"},
        timeout=60,
    )
    assert answer.json()["accepted"] == len(starts)
    wait_until(lambda: server.get("range")["traces"] == len(starts), what="the rows")
    wait_handed_over(server.url)
    (tmp_path / "rules.toml").write_text(RULES)
    done = CliRunner().invoke(app, ["alerts", "test", str(tmp_path / "rules.toml"), "--json", "--server", server.url])
    assert done.exit_code == 0, done.output
    (tried,) = json.loads(done.output)["rules"]
    fired = [firing for firing in tried["fired"] if silent <= firing["from_us"] <= silent + HOUR_US]
    assert fired == [{"service": "orders", "from_us": silent + HOUR_US // 6, "to_us": silent + HOUR_US, "value": 0.0}]
