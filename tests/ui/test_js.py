"""The browser's pure modules, run by the Node that Playwright's wheel brings."""

import subprocess
from pathlib import Path

import playwright
import pytest

FOLDER = Path(__file__).parent / "js"
NODE = Path(playwright.__file__).parent / "driver" / "node"


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.mjs")))
def test_modules(name: str):
    """U: figures, waterfall, address and brush logic hold in JavaScript."""
    done = subprocess.run([NODE, "--test", str(FOLDER / name)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
