"""What a process has used so far, read from outside: CPU by group of threads, page faults, bytes written."""

import os
import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
MERGES = "MergeMutate"
"""The engine's name for the threads that merge parts."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds of CPU since the process began; differences of two are what counts."""

    cpu: float
    merges: float
    faults: int
    """Page faults that needed no disk."""
    written: int
    """Bytes handed to the file system."""

    def __sub__(self, before: "Usage") -> "Usage":
        return Usage(
            self.cpu - before.cpu,
            self.merges - before.merges,
            self.faults - before.faults,
            self.written - before.written,
        )


def usage(pid: int) -> Usage:
    """All threads of a process, those that ended too; raises OSError when it is gone."""
    fields = _fields(Path(f"/proc/{pid}/stat"))[1]
    written = re.search(r"^wchar: (\d+)$", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)
    assert written is not None
    return Usage(_cpu(fields), by_thread(pid)[MERGES], int(fields[7]), int(written[1]))


def by_thread(pid: int) -> Counter[str]:
    """Seconds of CPU by name of thread, numbers at the end of names left off; threads that live now."""
    found: Counter[str] = Counter()
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            name, fields = _fields(task / "stat")
        except OSError:
            continue
        found[name.rstrip("0123456789")] += _cpu(fields)
    return found


def rss_mb(pid: int) -> float:
    """Resident memory in MB."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024


def wait_quiet(pid: int, seconds: float = 2.0, most: float = 90.0) -> float:
    """Wait until the process has used less than a tenth of a core for ``seconds``; returns the share it still uses."""
    end = time.monotonic() + most
    share = 1.0
    while share > 0.1 and time.monotonic() < end:
        before = usage(pid).cpu
        time.sleep(seconds)
        share = (usage(pid).cpu - before) / seconds
    return share


def _fields(path: Path) -> tuple[str, list[str]]:
    """(name, fields after the name) of a ``stat`` file; see proc(5)."""
    head, _, tail = path.read_text().rpartition(")")
    return head.partition("(")[2], tail.split()


def _cpu(fields: list[str]) -> float:
    return (int(fields[11]) + int(fields[12])) / TICKS
