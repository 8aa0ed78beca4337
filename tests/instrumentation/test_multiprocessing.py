"""Programs that start processes in each of multiprocessing's ways."""

import subprocess
import sys
from pathlib import Path

import pytest

from support import wait_until

HERE = Path(__file__).parent
PROGRAM = "import sys; from worker_functions import main; main(*sys.argv[1:]) if __name__ == '__main__' else None"


@pytest.mark.usefixtures("patient_exit")
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_each_process_sends_its_own_rows(collector, method):
    """S4, I5: each row arrives once, from the process that made it; the pool's continue the trace of their parent."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, method, collector.url],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    wait_until(lambda: len(collector.ended) >= 3 + 6 * 3 + 2)
    rows = collector.ended
    assert len({row["id"] for row in rows}) == len(rows) == 3 + 6 * 3 + 2
    root = next(row for row in rows if row["name"] == "root")
    parent = root["instance"]
    assert {row["name"] for row in rows if row["instance"] == parent} == {"before", "root", "after"}
    pooled = [row for row in rows if row["name"] == "in the pool"]
    assert {row["trace_id"] for row in pooled} == {root["trace_id"]}
    assert [(row["span_id"], row["parent_id"]) for row in pooled] == [("0.1", root["id"])] * 6
    (own,) = (row for row in rows if row["name"] == "task 99")
    # A fork begins inside the span that its parent was in; a fresh process in none.
    assert (own["span_id"], own["parent_id"]) == (("0.2", root["id"]) if method == "fork" else ("0", None))
    assert len({row["instance"] for row in rows}) in {3, 4}
