"""The pytest plugin: fixture ``traces`` records what a test's code traces, and exports nothing.

    def test_checkout(traces, client):
        client.post("/checkout")
        assert traces.one(name="charge").error is False
        print(traces.tree())

Each worker of pytest-xdist is a process with a tracer of its own, so nothing is shared.
"""

from collections.abc import Iterator

import pytest

from hopline.testing import Recorder


@pytest.fixture
def traces() -> Iterator[Recorder]:
    """All rows recorded during the test: ``traces.spans``, ``traces.one(name=...)``, ``traces.tree()``."""
    with Recorder() as recorder:
        yield recorder
