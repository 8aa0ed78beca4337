"""Erasures as jobs: each is a file until it is done, so a process that dies goes on with it at its next start."""

import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hopline_collector.audit import WHO, Audit
from hopline_collector.erasure.needle import Needle
from hopline_collector.erasure.sweep import Sweep
from hopline_collector.sources.journal import Journal
from hopline_collector.store.clickhouse import ClickHouse

log = logging.getLogger(__name__)

_REMEMBERED: Final = 1_000
_RETRY_S: Final = 5.0
_JOURNAL_S: Final = 120.0


@dataclass(slots=True)
class Job:
    """One erasure, or the count before it."""

    run: int
    needle: Needle
    dry_run: bool
    state: str = "running"
    traces: int = 0
    places: dict[str, int] = field(default_factory=dict)
    trouble: str = ""
    by: str = ""
    """Who asked, for the audit log."""

    def answer(self) -> dict[str, Any]:
        """As the API shows it."""
        named = {"trace_id" if self.needle.trace else "uid": self.needle.text}
        counted = {"traces": self.traces, "rows": sum(self.places.values()), "places": dict(self.places)}
        state = {"state": self.state, "done": self.state == "done", "dry_run": self.dry_run, "trouble": self.trouble}
        return {"id": str(self.run), **named, **counted, **state}


class Erasures:
    """Takes erasures and does one after the other, in a thread of its own."""

    def __init__(self, store: ClickHouse, folder: Path, journal: Journal | None, audit: Audit) -> None:
        self._store = store
        self._folder = folder
        self._journal = journal
        self._audit = audit
        self._jobs: dict[int, Job] = {}
        self._waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._lock = threading.Lock()

    def submit(self, needle: Needle, *, dry_run: bool) -> Job:
        """Take a job; a real one is on the disk before this returns. Raises OSError."""
        with self._lock:
            run = max(time.time_ns() // 1000, max(self._jobs, default=0) + 1)
            job = Job(run, needle, dry_run, by=WHO.get())
            if not dry_run:
                self._keep(job)
            self._jobs[run] = job
            for old in sorted(self._jobs)[:-_REMEMBERED]:
                del self._jobs[old]
        self._waiting.put(job)
        return job

    def find(self, run: int) -> Job | None:
        """A job of this process, by its number."""
        return self._jobs.get(run)

    def work(self, stop: threading.Event) -> None:
        """Do what was left and what comes until `stop` is set. The tables must be there."""
        self._take_up()
        while not stop.is_set():
            try:
                job = self._waiting.get(timeout=0.2)
            except queue.Empty:
                continue
            self._do(job, stop)

    # -- inside

    def _do(self, job: Job, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self._once(job, stop.wait)
            except Exception as error:
                job.trouble = str(error)[:500]
                log.warning("an erasure cannot go on yet: %s", type(error).__name__)
                stop.wait(_RETRY_S)
            else:
                job.state, job.trouble = "done", ""
                return

    def _once(self, job: Job, pause: Callable[[float], object]) -> None:
        sweep = Sweep(self._store, job.needle, job.run, pause)
        if not job.dry_run:
            self._let_arrive(pause)
        traces, places = sweep.count()
        # Taken up again, some rows have gone already: what was counted first is what is told.
        job.traces, job.places = max(job.traces, traces), {**places, **job.places}
        if not job.dry_run:
            self._keep(job)
            sweep.erase()
            if self._journal is not None:
                self._journal.scrub()
        sweep.forget()
        if not job.dry_run:
            kind = "trace" if job.needle.trace else "uid"
            rows = sum(job.places.values())
            who = {"by": job.by} if job.by else {}
            self._audit.write("erase", **who, kind=kind, sha256=job.needle.digest, traces=job.traces, rows=rows)
            self._file(job.run).unlink(missing_ok=True)

    def _let_arrive(self, pause: Callable[[float], object]) -> None:
        """Wait until what the journal has now is stored, so that it is found there."""
        if self._journal is None:
            return
        end = self._journal.position_of_end()
        deadline = time.monotonic() + _JOURNAL_S
        while not self._journal.handed_over(end):
            if pause(0.05) or time.monotonic() > deadline:
                raise TimeoutError("what waits in the journal is not stored yet")

    def _file(self, run: int) -> Path:
        return self._folder / f"{run}.json"

    def _keep(self, job: Job) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = {
            "id": job.needle.text,
            "trace": job.needle.trace,
            "traces": job.traces,
            "places": job.places,
            "by": job.by,
        }
        unfinished = self._folder / f"{job.run}.tmp"
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
            json.dump(kept, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._file(job.run))

    def _take_up(self) -> None:
        for file in sorted(self._folder.glob("*.tmp")):
            file.unlink()
        for file in sorted(self._folder.glob("*.json")):
            try:
                kept = json.loads(file.read_text())
                job = Job(int(file.stem), Needle(kept["id"], kept["trace"]), dry_run=False)
                job.traces, job.places, job.by = kept["traces"], kept["places"], str(kept.get("by", ""))
            except (OSError, ValueError, KeyError, TypeError):
                log.warning("%s is no erasure that can be taken up", file)
                continue
            if job.run not in self._jobs:
                self._jobs[job.run] = job
                self._waiting.put(job)
