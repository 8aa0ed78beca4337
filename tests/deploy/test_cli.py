"""Where the command begins: `hopline run`, completion, and an install without the server's parts."""

import os
import sys
from pathlib import Path

from typer.testing import CliRunner

from hopline_deploy.commands import app
from support import Children

VERBS = ["up", "collector", "query", "demo", "run", "migrate", "config", "doctor", "trace", "search", "export", "token"]


def test_help_lists_every_verb() -> None:
    """O2: one command with verbs."""
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    assert [verb for verb in VERBS if f" {verb} " not in text] == []


def test_run_takes_the_place_of_hopline(children: Children) -> None:
    """I6: the program runs with our settings, under the same process id and with its own exit code."""
    program = "import os, sys; print('pid', os.getpid(), os.environ['HOPLINE_SERVICE']); sys.exit(7)"
    child = children.python("-m", "hopline_deploy", "run", "--service", "shop", "--", sys.executable, "-c", program)
    assert child.wait(30) == 7
    assert f"pid {child.pid} shop" in child.output


def test_the_base_install_can_run(children: Children, tmp_path: Path) -> None:
    """I13, O2: without typer `hopline run` works, and the other verbs say what to install."""
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError(\"No module named 'typer'\", name='typer')\n")
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    ran = children.python("-m", "hopline_deploy", "run", "--", sys.executable, "-c", "print('ran')", env=env)
    assert ran.wait(30) == 0
    assert "ran" in ran.output
    refused = children.python("-m", "hopline_deploy", "up", env=env)
    assert refused.wait(30) == 1
    assert "typer is missing: pip install 'hopline[server]'" in refused.output


def test_the_shell_can_complete(children: Children) -> None:
    """O2: shell completion knows the verbs (`hopline --install-completion` sets it up)."""
    asked = {"_HOPLINE_COMPLETE": "complete_bash", "COMP_WORDS": "hopline d", "COMP_CWORD": "1"}
    child = children.python("-m", "hopline_deploy", env=asked)
    child.wait(30)
    assert set(child.output.split()) == {"demo", "doctor"}
