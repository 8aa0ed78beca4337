"""The benchmarks are run by hand; what they import must be there all the same."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "benchmarks"
IMPORT_ALL = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"


def test_every_benchmark_can_be_loaded() -> None:
    """A name that moved in the product breaks none of them unseen."""
    names = sorted(path.stem for path in FOLDER.glob("*.py"))
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names],
        cwd=FOLDER,
        env={"PYTHONPATH": f"{FOLDER}:{FOLDER.parent}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
