"""Processes that work off a job queue: what they ask their broker between two jobs is nobody's work.

A worker polls, beats and renews locks many times a second. Each of these would be a trace of one row.
"""

from hopline.context import current

_working: list[object] = []
"""One entry for each worker that runs in this process, or began in its parent."""


def begin() -> None:
    """A worker begins to work in this process."""
    _working.append(object())


def end() -> None:
    """It has ended."""
    if _working:
        _working.pop()


def is_housekeeping() -> bool:
    """Whether a call made here and now is the worker's own: there is a worker, and no job that it runs."""
    return bool(_working) and current.get() is None
