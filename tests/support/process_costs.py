"""What a process has cost, read from outside: CPU of all its threads, waits for it, the most memory it held."""

import contextlib
import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads, those that ended too."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class Starved:
    """What a process waited for a core since this was made: time that a busy machine, not the process, has spent."""

    def __init__(self, pid: int) -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._seen: dict[str, float] = {}
        self._before = self._sum()

    def seconds(self) -> float:
        """Of all threads together; of one that ended as far as an earlier look saw it. 0 where the kernel counts none.

        Threads that waited at the same time count each for itself, so this is the most that it was held up.
        """
        return self._sum() - self._before

    def _sum(self) -> float:
        with contextlib.suppress(OSError):
            for task in self._tasks.iterdir():
                with contextlib.suppress(OSError):
                    self._seen[task.name] = int((task / "schedstat").read_text().split()[1]) / 1e9
        return sum(self._seen.values())


def reset_peak(pid: int) -> int:
    """Forget the most memory the process ever held; what it holds now, in bytes."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _status(pid, "VmRSS")


def peak_memory(pid: int) -> int:
    """The most resident memory since :func:`reset_peak`, in bytes."""
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1_024
    raise LookupError(name)
