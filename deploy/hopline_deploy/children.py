"""Child processes that end with their parent, whatever ends it."""

import contextlib
import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SET_PARENT_DEATH_SIGNAL: Final = 1
"""``PR_SET_PDEATHSIG`` of Linux's prctl(2)."""

_MOMENT: Final = 0.7


@dataclass(frozen=True, slots=True)
class Child:
    """One started process and the file with its output."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path


class Children:
    """Starts processes and ends all of them, the last started first."""

    def __init__(self, logs: Path) -> None:
        """Output of each child goes to a file of its own in `logs`."""
        self._logs = logs
        self._started: list[Child] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> Child:
        """Start `command`; its output is in ``<name>.log``, from the beginning."""
        log = self._logs / f"{name}.log"
        with log.open("wb") as sink:
            process = subprocess.Popen(  # noqa: S603 (our own modules)
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=dict(env),
                # Ctrl-C reaches the parent only, which ends its children in order.
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 (no thread runs yet)
            )
        child = Child(name, process, log)
        self._started.append(child)
        return child

    def ended(self) -> Child | None:
        """A child that ended by itself, if any."""
        return next((child for child in self._started if child.process.poll() is not None), None)

    def stop(self, timeout: float = 8.0) -> None:
        """SIGTERM to one after the other, the last started first; SIGKILL to what still runs after `timeout` seconds.

        Each gets a moment to end before what it depends on does.
        """
        deadline = time.monotonic() + timeout
        for child in reversed(self._started):
            with contextlib.suppress(ProcessLookupError):
                child.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(min(_MOMENT, max(0.0, deadline - time.monotonic())))
        for child in reversed(self._started):
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        self._started.clear()


def _end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent is gone, even by SIGKILL."""
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
