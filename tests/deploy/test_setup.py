"""The checkout's own promises: lock, make targets, scripts, wheel."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TARGETS = "setup demo test lint test-faults fuzz soak bench-client bench-ingest bench-query bench-ui help"  # section 8


@pytest.mark.parametrize("name", ["deploy", "deploy/otel", "deploy/fuzz"])
def test_lock_names_no_place(name: str) -> None:
    """Section 10: a lock holds names and hashes, no address and no path of a machine."""
    lock = (ROOT / name / "requirements.lock").read_text()
    assert "://" not in lock
    assert "file:" not in lock
    assert "--hash=sha256:" in lock


def test_every_target_has_a_line_of_help() -> None:
    """Section 8: `make help` lists each target with what it does."""
    listed = {line.split()[0]: line.split(maxsplit=1)[1] for line in make("help").splitlines()}
    assert set(TARGETS.split()) <= set(listed)


@pytest.mark.parametrize("script", sorted(ROOT.glob("tests/benchmarks/bench_*.py")), ids=lambda p: p.stem)
def test_every_benchmark_has_a_target(script: Path) -> None:
    """Section 8: `make bench-x` runs tests/benchmarks/bench_x.py, and `make help` names it."""
    target = script.stem.replace("_", "-")
    assert f"tests/benchmarks/{script.name}" in make("--dry-run", target)
    assert target in make("help").split()


def make(*arguments: str) -> str:
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("script", sorted([*ROOT.glob("deploy/setup/*.sh"), ROOT / ".ci/run"]), ids=lambda p: p.name)
def test_scripts_parse(script: Path) -> None:
    """O1: the set-up scripts are valid bash."""
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_ci_runs_lint_and_tests() -> None:
    """Section 10: CI is `make lint test`, with nothing skipped."""
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert "export CI=true" in script.read_text()
    assert "make lint test" in script.read_text()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip(*["wheel", "-q", "--no-deps", "--no-build-isolation", "--no-cache-dir", "-w"], str(folder), str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments], check=True)


def test_wheel_holds_every_file(wheel: Path) -> None:
    """Section 2: templates, SQL, styles and scripts travel with the packages."""
    packages = [p for p in ROOT.glob("*/hopline*") if (p / "__init__.py").exists()]
    tracked = subprocess.run(
        ["git", "ls-files", *map(str, packages)], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    wanted = {name.split("/", 1)[1] for name in tracked if name}
    assert wanted
    assert wanted <= set(zipfile.ZipFile(wheel).namelist())


def test_wheel_works_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """Section 2: what pip installs is what runs, not the folder beside the tests."""
    pip("install", "-q", "--no-deps", "--target", str(tmp_path / "site"), str(wheel))
    program = (
        "import hopline, hopline_collector, hopline_query, hopline_ui, hopline_deploy as last\n"
        "print(hopline.__file__, last.__file__, sep='\\n')"
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert all(line.startswith(str(tmp_path / "site")) for line in answer.stdout.split())
    subset = ("tests/deploy/test_ports.py",)
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(str(ROOT / name) for name in subset)],
        cwd=ROOT,
        env=env,
        check=True,
        timeout=120,
        stdout=subprocess.DEVNULL,
    )
