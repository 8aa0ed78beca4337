"""Instructions per sampled child span under callgrind: a figure without noise.

    python tests/benchmarks/client_instructions.py

Runs the interpreter twice under valgrind with different numbers of spans and divides the
difference, so that start-up, imports and the first calls fall out.
"""

import os
import posix
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

GOAL = 20_000
FEW, MANY = 200, 1_200

_TOTALS = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)


def figures() -> dict[str, float]:
    """Instructions of one child with two tags, ours and bare; empty without valgrind."""
    if shutil.which("valgrind") is None:
        return {}
    kinds = ("ours", "bare")
    return {kind: (_instructions(kind, MANY) - _instructions(kind, FEW)) / (MANY - FEW) for kind in kinds}


def lines(found: dict[str, float]) -> list[str]:
    """The figures for people, where there are any."""
    if not found:
        return []
    return [f"instructions of a sampled child: {found['ours']:,.0f} (bare {found['bare']:,.0f}, goal {GOAL:,})"]


def _instructions(kind: str, spans: int) -> int:
    with TemporaryDirectory() as folder:
        counts = Path(folder) / "counts"
        valgrind = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={counts}"]
        program = [sys.executable, "-P", __file__, kind, str(spans)]
        settings = {**os.environ, "PYTHONHASHSEED": "0"}
        subprocess.run([*valgrind, *program], env=settings, capture_output=True, check=True)
        totals = _TOTALS.search(counts.read_text())
        assert totals, "callgrind wrote no totals"
        return int(totals.group(1))


def _ours(spans: int) -> None:
    import hopline

    hopline.configure(service="bench", endpoint="none:", batch_ms=60_000)
    with hopline.span("root"):
        for _ in range(spans):
            with hopline.span("child") as row:
                row.tag("tier", "gold")
                row.tag("cache", "miss")
    posix._exit(0)  # what the sender does at exit, which `os._exit` waits for, is not the caller's


def _bare(spans: int) -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    from client_bare import BareSpan, bare_set, bare_span

    bare_set(BareSpan("root"))
    for _ in range(spans):
        with bare_span("child") as row:
            row.tag("tier", "gold")
            row.tag("cache", "miss")
    posix._exit(0)


def main() -> int:
    """As a program of the benchmark: the figures; as the program under valgrind: the spans."""
    if len(sys.argv) == 3:
        {"ours": _ours, "bare": _bare}[sys.argv[1]](int(sys.argv[2]))
    found = figures()
    print("\n".join(lines(found)) or "valgrind is not there")
    return 0 if found.get("ours", 0) <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
