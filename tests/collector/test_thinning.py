"""Thinning by age: whole traces, chosen by rule, resumable at any step."""

import contextlib
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.thinning import TABLES, ThinningSettings, thin
from support.old_traces import DAY, THINNED_AT, figures, fill, left

RULES = ThinningSettings(days=8, slow_us=1_000_000, share=0, uids=("vip",))
OLD = date(2025, 11, 21)


def test_whole_traces_stay_or_go_and_figures_stay(engine: ClickHouse) -> None:
    """C7: errors, slow, debug, chosen users, pinned and young ones stay; the others go from every table."""
    fill(engine)
    before = figures(engine)
    assert [(found.day, found.traces) for found in thin(engine, RULES, THINNED_AT)] == [(OLD, 3)]
    for table in ("spans", "spans_by_service", "traces"):
        assert left(engine, table) == [2, 3, 4, 5, 6, 8]
    assert left(engine, "links_to") == []
    assert figures(engine) == before
    assert thin(engine, RULES, THINNED_AT) == []


def test_rules_may_change_later(engine: ClickHouse) -> None:
    """C7: a stricter rule is applied to days that are done; a share of all stays by its hash."""
    fill(engine)
    thin(engine, ThinningSettings(days=8, share=1_000_000), THINNED_AT)
    assert len(left(engine)) == 9
    thin(engine, RULES, THINNED_AT)
    assert left(engine) == [2, 3, 4, 5, 6, 8]


def test_nothing_is_thinned_while_rows_may_arrive(engine: ClickHouse) -> None:
    """C7: 8 days or more, or never."""
    fill(engine)
    assert thin(engine, ThinningSettings(), THINNED_AT + 900 * DAY) == []
    assert thin(engine, RULES, THINNED_AT - DAY) == []
    with pytest.raises(ValueError, match="8 and more"):
        ThinningSettings(days=7)


class Death(BaseException):
    """The process is gone at this call."""


class Mortal:
    """A store whose user dies at the `fatal`th statement that writes, before or after it took effect."""

    def __init__(self, store: ClickHouse, fatal: int, *, before: bool) -> None:
        self.settings, self.database, self.reader = store.settings, store.database, store.reader
        self._store, self._fatal, self._before = store, fatal, before

    @contextlib.contextmanager
    def writer(self) -> Iterator[Any]:
        self._fatal -= 1
        if self._before and not self._fatal:
            raise Death
        with self._store.writer() as handle:
            yield handle
        if not self._before and not self._fatal:
            raise Death


def test_a_death_at_any_step_is_made_good(engine: ClickHouse) -> None:
    """C7: one death after the other at every statement; the end is as without, and nothing else is touched."""
    fill(engine)
    before = figures(engine)
    for fatal in range(1, len(TABLES) + 4):
        with contextlib.suppress(Death):
            thin(Mortal(engine, fatal, before=fatal % 2 == 0), RULES, THINNED_AT + fatal)  # type: ignore[arg-type]
    thin(engine, RULES, THINNED_AT + 99)
    assert left(engine) == left(engine, "traces") == left(engine, "spans_by_service") == [2, 3, 4, 5, 6, 8]
    assert figures(engine) == before
    assert thin(engine, RULES, THINNED_AT + 100) == []
