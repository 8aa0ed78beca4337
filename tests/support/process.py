"""Processes that a test starts, and that end with it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import pytest

from support.process_costs import Starved
from support.waiting import wait_until

_MOST_STARVED = 60.0
"""Seconds: a process that spins for ever on a busy machine is ended nevertheless."""


class Child:
    """One running process in a session of its own; its output is in the file `log`."""

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str], cwd: Path | None) -> None:
        self.log = log
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def running(self) -> bool:
        return self._process.poll() is None

    def wait(self, timeout: float = 60.0) -> int:
        """The exit code; raises `subprocess.TimeoutExpired` after `timeout` seconds.

        What the process waits for a core meanwhile is the machine's time, and comes on top.
        """
        starved, began = Starved(self.pid), time.monotonic()
        while True:
            try:
                return self._process.wait(0.2)
            except subprocess.TimeoutExpired:
                if time.monotonic() - began >= timeout + min(starved.seconds(), _MOST_STARVED):
                    raise

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def kill9(self) -> None:
        """A crash: SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def stop(self, timeout: float = 15.0) -> int:
        """SIGTERM, SIGKILL for the whole process group where :meth:`wait` gives up; the exit code."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self._kill_group()
            return self._process.wait()
        finally:
            self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def wait_for_text(self, text: str, deadline: float = 60.0) -> str:
        """Wait until `text` is in the output; the line it is in."""
        wait_until(lambda: text in self.output or not self.running(), deadline, what=f"{text!r} in the output")
        for line in self.output.splitlines():
            if text in line:
                return line
        raise AssertionError(f"ended with {self._process.returncode} before saying {text!r}:\n{self.output[-3000:]}")

    def wait_for_url(self, url: str, deadline: float = 60.0) -> None:
        """Wait until `url` answers 200."""

        def ready() -> bool:
            if not self.running():
                pytest.fail(f"ended with {self._process.returncode}:\n{self.output[-3000:]}", pytrace=False)
            try:
                return httpx.get(url, timeout=60).status_code == 200
            except httpx.HTTPError:
                return False

        wait_until(ready, deadline, interval=0.05, what=url)


class Children:
    """Starts processes and ends all of them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._started: list[Child] = []

    def start(self, *command: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Child:
        """Start `command` with the environment of the tests plus `env`."""
        log = self.directory / f"process-{len(self._started)}.log"
        child = Child(command, log, {**os.environ, **(env or {})}, cwd)
        self._started.append(child)
        return child

    def python(self, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Child:
        """Start the interpreter of the tests."""
        return self.start(sys.executable, *arguments, env=env, cwd=cwd)

    def stop(self) -> None:
        """End everything, last started first."""
        for child in reversed(self._started):
            child.stop()


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    """Start processes with ``children.start(...)``; they end with the test."""
    started = Children(tmp_path)
    yield started
    started.stop()
