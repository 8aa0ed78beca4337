"""kill -9 of thinning and retention at every statement: whole traces go or stay, figures stay, the next one ends it."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.migrate import migrate
from hopline_collector.store.thinning import TABLES
from support.engine import Front
from support.old_traces import DAY, MIDNIGHT, THINNED_AT, figures, fill, left, trace
from support.process import Children

SCRIPT = Path(__file__).with_name("chore_process.py")
FULL = bool(os.environ.get("HOPLINE_TEST_FULL"))
TABLES_KILLED_AT = TABLES if FULL else ("spans", "traces")

Deaths = list[tuple[str, str]]

THINNING: Deaths = [
    *[(statement, when) for statement in (".thinned", ".thinnings 0") for when in ("before", "after")],
    *[(f".{table} DELETE", when) for table in TABLES_KILLED_AT for when in ("before", "during", "after")],
    *[(".thinnings 1", when) for when in ("before", "after")],
]
"""The choice, its announcement, the deletion from a table, the note that all is done."""

RETENTION: Deaths = [
    (f".{table} DROP PARTITION", when) for table in ("links_to", "spans", "traces") for when in ("before", "after")
]


class Chore:
    """Fills a store, runs a chore on it through one death after the other, and looks at the end."""

    def __init__(self, children: Children, folder: Path) -> None:
        self._children = children
        self._folder = folder
        self._front = Front(children, folder)

    def open(self) -> ClickHouse:
        self._front.start()
        return ClickHouse(StoreSettings(url=self._front.url))

    def close(self, store: ClickHouse) -> None:
        store.close()
        self._front.stop()

    def run(self, chore: str, now_us: int, kept: dict[str, int], fatal: str = "", when: str = "") -> int:
        """The exit code of one process."""
        settings: dict[str, Any] = {"path": str(self._folder), "chore": chore, "now_us": now_us, "kept": kept}
        child = self._children.python(str(SCRIPT), json.dumps({**settings, "fatal": fatal, "when": when}))
        code = child.wait(60.0)
        assert code != 3, child.output
        assert code in {0, -signal.SIGKILL}, child.output[-3000:]
        return code


@pytest.fixture
def chore(children: Children, tmp_path: Path) -> Chore:
    return Chore(children, tmp_path / "store")


def test_thinning_is_killed_at_every_step(chore: Chore) -> None:
    """C7: a real process each time; those who stay never miss a row, and in the end no part of another is left."""
    store = chore.open()
    migrate(store)
    fill(store)
    before = figures(store)
    chore.close(store)

    staying = {trace(number).hex(): 2 for number in (2, 3, 4, 5, 6, 8)}
    for number, (statement, when) in enumerate(THINNING):
        code = chore.run("thin", THINNED_AT + number, staying, statement, when)
        assert code == -signal.SIGKILL, f"lived through {statement} {when}"
    assert chore.run("thin", THINNED_AT + 99, staying) == 0

    store = chore.open()
    for table in ("spans", "spans_by_service", "traces"):
        assert left(store, table) == [2, 3, 4, 5, 6, 8]
    assert left(store, "links_to") == []
    assert figures(store) == before
    chore.close(store)


def test_retention_is_killed_at_every_step(chore: Chore) -> None:
    """C7: whole days go, the rest and the figures stay, pinned traces too."""
    store = chore.open()
    migrate(store)
    fill(store)
    before = figures(store)
    chore.close(store)

    # Of the days that are filled, the 21st to the 23rd, only the last one is young enough on the 30th.
    young = {trace(8).hex(): 2}
    for statement, when in RETENTION:
        code = chore.run("retain", MIDNIGHT + 8 * DAY, young, statement, when)
        assert code == -signal.SIGKILL, f"lived through {statement} {when}"
    assert chore.run("retain", MIDNIGHT + 8 * DAY, young) == 0

    store = chore.open()
    for table in ("spans", "spans_by_service", "traces"):
        assert left(store, table) == [8]
    assert left(store, "links_to") == []
    assert left(store, "archive") == [6]
    assert figures(store) == before
    chore.close(store)
