import os
import subprocess
import sys
from importlib.metadata import entry_points

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


def run(directory, *plugins: str) -> str:
    """Run the sample with our plugin and ``plugins`` only: others that are installed take seconds to load."""
    (directory / "test_sample.py").write_text(SAMPLE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "hopline.pytest_plugin", "-p", "no:cacheprovider", *plugins],
        cwd=directory,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        timeout=120,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_traces_are_recorded_in_memory(tmp_path):
    """I12: fixture `traces` records in memory and offers tree() and one(); tests do not see each other's rows."""
    assert "2 passed" in run(tmp_path)


def test_safe_with_xdist(tmp_path):
    """I12: safe with xdist."""
    assert "2 passed" in run(tmp_path, "-p", "xdist", "-n", "2")


def test_pytest_finds_the_plugin_by_itself():
    """I12: an installed hopline is enough: the plugin is an entry point."""
    (found,) = entry_points(group="pytest11", name="hopline")
    assert found.value == "hopline.pytest_plugin"
