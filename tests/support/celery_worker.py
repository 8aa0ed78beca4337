"""A Celery worker in a thread of the test run, which keeps its logging."""

import contextlib
from collections.abc import Iterator
from typing import Any

from celery import Celery, signals
from celery.contrib.testing.worker import start_worker


def _no_logging(**_: Any) -> None:
    """Stands in for Celery's own set-up, which replaces level and handlers of the root logger."""


@contextlib.contextmanager
def celery_worker(app: Celery, **options: Any) -> Iterator[None]:
    """A worker for ``app`` while the block runs."""
    signals.setup_logging.connect(_no_logging)
    try:
        with start_worker(app, pool="solo", perform_ping_check=False, **options):
            yield
    finally:
        signals.setup_logging.disconnect(_no_logging)
