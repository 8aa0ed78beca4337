"""Fuzz every decoder for a bounded time, then store what the corpus became: `python run.py [TARGET ...]`.

FUZZ_SECONDS (60) is per target. The corpus grows in .cache/fuzz/corpus; a finding is kept in
.cache/fuzz/found and belongs, made small, into tests/fuzz/found/TARGET, where test_targets.py reads it.
"""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache" / "fuzz"
sys.path.insert(0, str(HERE.parent))

LONGEST = 16_384
"""Bytes of a body: enough for every shape, small enough for thousands of them a second."""
MEMORY_MB = 768
"""A decoder that needs more for such a body is a finding."""
SHOWN = 4_000
"""Characters of a finding."""
SLOWEST = 10
"""Seconds after which one body is a finding."""


@dataclass(frozen=True, slots=True)
class Result:
    """What libFuzzer says at its end."""

    executions: int
    covered: int
    peak_mb: int
    finding: str


def fuzz(name: str, seconds: int) -> Result:
    """One target in a process of its own, over the seeds and what earlier runs found worth keeping."""
    from fuzz.targets import TARGETS

    corpus, found = CACHE / "corpus" / name, CACHE / "found" / name
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(TARGETS[name].seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-rss_limit_mb={MEMORY_MB}"]
    options += [f"-timeout={SLOWEST}", f"-artifact_prefix={found}/", "-print_final_stats=1"]
    paths = [str(CACHE / "lib"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, str(HERE / "one.py"), name, *options, str(corpus)],
        env=environment, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    return _result(done.stdout + done.stderr, failed=done.returncode != 0)


def _result(said: str, *, failed: bool) -> Result:
    def number(pattern: str) -> int:
        found = re.findall(pattern, said)
        return int(found[-1]) if found else 0

    return Result(
        number(r"number_of_executed_units: (\d+)") or number(r"#(\d+)"),
        number(r"cov: (\d+)"),
        number(r"peak_rss_mb:\s+(\d+)"),
        _traceback(said) if failed else "",
    )


def _traceback(said: str) -> str:
    """What Python raised; else the last that libFuzzer said, as of a body that took too long."""
    _, raised, rest = said.partition("=== Uncaught Python exception")
    return (raised + rest)[:SHOWN] if raised else said[-SHOWN:]


def stored(names: list[str]) -> int:
    """Store blocks of every message in the corpora in an embedded engine; returns how many rows it took.

    Raises AssertionError where a table holds another number of rows than the blocks did.
    """
    from fuzz.engine_sample import store_corpus
    from fuzz.targets import TARGETS

    messages = [
        (target.form, path.read_bytes())
        for name in names
        if (target := TARGETS[name]).form
        for path in sorted((CACHE / "corpus" / name).iterdir())
    ]
    with tempfile.TemporaryDirectory() as folder:
        return store_corpus(Path(folder), messages)


def main() -> int:
    """A line per target; 1 when anything was found."""
    from fuzz.targets import TARGETS

    seconds = int(os.environ.get("FUZZ_SECONDS", "60"))
    names = sys.argv[1:] or list(TARGETS)
    bad = 0
    print(f"{'target':<18}{'executions':>12}{'covered':>9}{'peak MB':>9}")
    for name in names:
        result = fuzz(name, seconds)
        verdict = "" if not result.finding else f"  FOUND: {CACHE / 'found' / name}"
        print(f"{name:<18}{result.executions:>12,}{result.covered:>9,}{result.peak_mb:>9,}{verdict}", flush=True)
        if result.finding:
            bad = 1
            print(result.finding, flush=True)
    print(f"the engine took {stored(names):,} rows of the corpus")
    return bad


if __name__ == "__main__":
    sys.exit(main())
