"""Processes that end soon after their spans, and processes that fork."""

import os
import subprocess
import sys
from pathlib import Path

from collecting import Collecting


def run(script: str, endpoint: str) -> None:
    settings = {key: value for key, value in os.environ.items() if not key.startswith(("HOPLINE_", "OTEL_"))}
    settings["HOPLINE_ENDPOINT"] = endpoint
    # They wait at their end for a collector that a busy machine has yet to run.
    settings |= {"HOPLINE_EXIT_TIMEOUT_S": "60", "HOPLINE_EXIT_AWAY_S": "60"}
    command = [sys.executable, str(Path(__file__).with_name(script))]
    answer = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=120, check=False)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_spans_of_a_short_process_arrive(collector: Collecting) -> None:
    """S5: what the batch processor holds at exit is sent; the sampler has joined the global provider by itself."""
    run("exit_script.py", collector.url)
    rows = {row["name"]: (row["service"], row["span_id"]) for row in collector.rows}
    assert rows == {"job": ("nightly", "0"), "POST": ("nightly", "0.1")}


def test_forked_workers_ship_their_own(collector: Collecting) -> None:
    """S4: each forked worker sends what it recorded, once, under its own instance."""
    run("fork_script.py", collector.url)
    rows = {row["name"]: row for row in collector.rows}
    assert len(collector.rows) == len(rows) == 8
    assert {rows[f"{name}.child"]["span_id"] for name in ("parent", "worker0", "worker1", "worker2")} == {"0.1"}
    assert len({row["instance"] for row in rows.values()}) == 4
    assert len({row["trace_id"] for row in rows.values()}) == 4
