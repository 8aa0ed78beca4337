"""A process that ends soon after its spans."""

import os
import subprocess
import sys
from pathlib import Path

from collecting import Collecting

SCRIPT = Path(__file__).with_name("exit_script.py")


def test_spans_of_a_short_process_arrive(collector: Collecting) -> None:
    """S5: what the batch processor holds at exit is sent; the sampler has joined the global provider by itself."""
    settings = {key: value for key, value in os.environ.items() if not key.startswith(("HOPLINE_", "OTEL_"))}
    settings["HOPLINE_ENDPOINT"] = collector.url
    answer = subprocess.run(
        [sys.executable, str(SCRIPT)], env=settings, capture_output=True, text=True, timeout=60, check=False
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    rows = {row["name"]: (row["service"], row["span_id"]) for row in collector.rows}
    assert rows == {"job": ("nightly", "0"), "POST": ("nightly", "0.1")}
