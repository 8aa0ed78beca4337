"""kill -9 of chores at every statement: whole traces go or stay, figures stay, the next one ends it.

Settling too: what counts afterwards equals a recount from the rows.
"""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hopline.model import Row
from hopline_collector.chores.thinning import TABLES
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.migrate import migrate
from hopline_query.store.memory import MemoryReader
from hopline_query.store.port import Scope, SearchQuery
from hopline_query.store.reader import ClickHouseReader
from hopline_query.store.settling import settle
from hopline_query.topology.aggregate import is_entry
from hopline_query.tree.build import build_tree
from hopline_query.tree.summary import summarize
from hopline_query.why.causes import began
from support.engine import Front
from support.old_traces import DAY, MIDNIGHT, THINNED_AT, figures, fill, left, trace
from support.process import Children
from support.random_traces import ARRIVED, BEGIN, CHANGES, plain_trace
from support.stored_rows import insert_rows

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


SETTLING: Deaths = [
    (f"INSERT {into}", when)
    for into in (
        *("INTO hopline.settled (", "INTO hopline.settled_calls ("),
        *(f"hopline.settled{of} VALUES" for of in ("", "_calls", "_causes", "_stale", "_buckets")),
    )
    for when in ("before", "after")
]
"""Plain traces by the store, others from their trees, calls and causes of both, what they replace, the buckets."""


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
    settle(store, THINNED_AT)
    before = figures(store)
    chore.close(store)

    staying = {trace(number).hex(): 2 for number in (2, 3, 4, 5, 6, 8)}
    for number, (statement, when) in enumerate(THINNING):
        code = chore.run("thin", THINNED_AT + number, staying, statement, when)
        assert code == -signal.SIGKILL, f"lived through {statement} {when}"
    assert chore.run("thin", THINNED_AT + 99, staying) == 0

    store = chore.open()
    for table in ("spans", "spans_by_service", "traces", "settled", "settled_calls"):
        assert left(store, table) == [2, 3, 4, 5, 6, 8]
    assert left(store, "settled_causes") == [2]
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


def _of_a_number(source: Random, number: int) -> list[Row]:
    """A trace of some rows; every third one is odd, so that its tree is needed."""
    rows: list[Row] = []
    while not 3 <= len(rows) <= 20:
        rows = plain_trace(source, f"6921c0de{number:024x}", paths=True)
    if number % 3 == 0:
        CHANGES["unfinished"](source, rows)
    return rows


def _shown_as_counted(store: ClickHouse, rows: list[Row]) -> None:
    """Whatever was settled so far, lists show what the rows amount to."""
    question = SearchQuery(Scope(BEGIN, BEGIN + 60_000_000), limit=100)
    assert ClickHouseReader(store).search(question) == MemoryReader(rows).search(question)


def test_settling_is_killed_at_every_step(chore: Chore) -> None:
    """Exactly once in effect: late rows of settled traces, new traces; lists are right, in the end one row counts."""
    source = Random(7)
    traces = [_of_a_number(source, number) for number in range(20)]
    early = [row for rows in traces[:10] for row in rows[:-1]]
    late = [replace(row, arrived=row.arrived + 60_000_000) for rows in traces[:10] for row in rows[-1:]]
    late += [replace(row, arrived=row.arrived + 60_000_000) for rows in traces[10:] for row in rows]
    store = chore.open()
    migrate(store)
    insert_rows(store, early)
    settle(store, ARRIVED + 30_000_000)
    insert_rows(store, late)
    chore.close(store)

    for number, (statement, when) in enumerate(SETTLING):
        code = chore.run("settle", ARRIVED + 120_000_000 + number, {}, statement, when)
        assert code == -signal.SIGKILL, f"lived through {statement} {when}"
        store = chore.open()
        _shown_as_counted(store, early + late)
        chore.close(store)
    assert chore.run("settle", ARRIVED + 130_000_000, {}) == 0

    store = chore.open()
    assert settle(store, ARRIVED + 140_000_000) == 0
    counting = store.ask(
        f"SELECT lower(hex(trace_id)), spans FROM {store.database}.settled WHERE (trace_id, version) NOT IN"
        f" (SELECT trace_id, version FROM {store.database}.settled_stale) ORDER BY 1"
    )
    rows_of = {rows[0].trace_id: rows for rows in traces}
    counted = {trace_id: summarize(build_tree(rows, now_us=ARRIVED)).spans for trace_id, rows in rows_of.items()}
    assert counting == sorted(counted.items())
    # One row of each entry call counts.
    calls = store.ask(
        f"SELECT count(), uniqExact((trace_id, id, kind)) FROM {store.database}.settled_calls WHERE (trace_id, settled)"
        f" NOT IN (SELECT trace_id, version FROM {store.database}.settled_stale)"
    )
    entered = {(row.trace_id, row.id, row.kind) for rows in traces for row in rows if is_entry(row)}
    assert calls == [(len(entered), len(entered))]
    # And one row of each cause.
    causes = store.ask(
        f"SELECT lower(hex(trace_id)), start_us FROM {store.database}.settled_causes WHERE (trace_id, settled)"
        f" NOT IN (SELECT trace_id, version FROM {store.database}.settled_stale) ORDER BY 1, 2"
    )
    trees = [build_tree(rows, now_us=ARRIVED) for rows in traces]
    assert causes == sorted((tree.trace_id, one.node.start) for tree in trees for one in began(tree))
    _shown_as_counted(store, early + late)
    chore.close(store)
