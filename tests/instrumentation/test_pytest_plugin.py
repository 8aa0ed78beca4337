import subprocess
import sys

SAMPLE = """
import hopline

def test_one(traces):
    with hopline.span("root"), hopline.span("charge"):
        hopline.set_uid("u1")
    assert traces.one(name="charge").span_id == "0.1"
    assert traces.tree().splitlines() == ["0 local test root", "  0.1 local test charge"]

def test_none(traces):
    assert traces.spans == []
"""


def run(directory, *arguments: str) -> str:
    (directory / "test_sample.py").write_text(SAMPLE)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=directory, timeout=120, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_traces_are_recorded_in_memory(tmp_path):
    """I12: fixture `traces` records in memory and offers tree() and one(); tests do not see each other's rows."""
    assert "2 passed" in run(tmp_path, "-q")


def test_safe_with_xdist(tmp_path):
    """I12: safe with xdist."""
    assert "2 passed" in run(tmp_path, "-q", "-n", "2")
