"""Waiting for a condition with a deadline: the only way a test waits."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], deadline: float = 60.0, interval: float = 0.02, what: str = "") -> T:
    """Call `condition` until it returns something true, and return that.

    An `AssertionError` or `OSError` of the condition counts as "not yet". After
    `deadline` seconds the last of them is raised, or an `AssertionError`.
    """
    end = time.monotonic() + deadline
    while True:
        try:
            value, failure = condition(), None
        except (AssertionError, OSError) as error:
            value, failure = None, error
        if value:
            return value
        if time.monotonic() >= end:
            message = f"{what or getattr(condition, '__name__', 'condition')} not reached in {deadline} s"
            raise AssertionError(f"{message}; last value {value!r}") from failure
        time.sleep(interval)
