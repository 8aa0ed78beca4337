"""Thinning by age: whole traces, chosen by rule, resumable at any step."""

import contextlib
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from hopline_collector.chores.thinning import TABLES, ThinningSettings, thin
from hopline_collector.store.clickhouse import ClickHouse
from support.old_traces import DAY, THINNED_AT, figures, fill, left

RULES = ThinningSettings(days=8, slow_us=1_000_000, share=0, uids=("vip",))
OLD = date(2025, 11, 21)


def test_whole_traces_stay_or_go_and_figures_stay(any_store: ClickHouse) -> None:
    """C7: errors, slow, debug, chosen users, pinned and young ones stay; the others go from every table."""
    fill(any_store)
    before = figures(any_store)
    assert [(found.day, found.traces) for found in thin(any_store, RULES, THINNED_AT)] == [(OLD, 3)]
    for table in ("spans", "spans_by_service", "traces"):
        assert left(any_store, table) == [2, 3, 4, 5, 6, 8]
    assert left(any_store, "links_to") == []
    assert figures(any_store) == before
    assert thin(any_store, RULES, THINNED_AT) == []


def test_rules_may_change_later(any_store: ClickHouse) -> None:
    """C7: a stricter rule is applied to days that are done; a share of all stays by its hash."""
    fill(any_store)
    thin(any_store, ThinningSettings(days=8, share=1_000_000), THINNED_AT)
    assert len(left(any_store)) == 9
    thin(any_store, RULES, THINNED_AT)
    assert left(any_store) == [2, 3, 4, 5, 6, 8]


def test_nothing_is_thinned_while_rows_may_arrive(any_store: ClickHouse) -> None:
    """C7: 8 days or more, or never."""
    fill(any_store)
    assert thin(any_store, ThinningSettings(), THINNED_AT + 900 * DAY) == []
    assert thin(any_store, RULES, THINNED_AT - DAY) == []
    with pytest.raises(ValueError, match="8 and more"):
        ThinningSettings(days=7)


class Death(BaseException):
    """The process is gone at this call."""


class Mortal:
    """A store whose user dies at the `fatal`th statement that writes, before or after it took effect."""

    def __init__(self, store: ClickHouse, fatal: int, *, before: bool) -> None:
        self.settings, self.database, self.ask = store.settings, store.database, store.ask
        self._store, self._fatal, self._before = store, fatal, before

    def insert(self, *given: Any) -> None:
        self._fatally(self._store.insert, given)

    def change(self, *given: Any) -> None:
        self._fatally(self._store.change, given)

    def define(self, *given: Any) -> None:
        self._fatally(self._store.define, given)

    def _fatally(self, write: Callable[..., None], given: tuple[Any, ...]) -> None:
        self._fatal -= 1
        if self._before and not self._fatal:
            raise Death
        write(*given)
        if not self._before and not self._fatal:
            raise Death


def test_a_death_at_any_step_is_made_good(any_store: ClickHouse) -> None:
    """C7: one death after the other at every statement; the end is as without, and nothing else is touched."""
    fill(any_store)
    before = figures(any_store)
    for fatal in range(1, len(TABLES) + 4):
        with contextlib.suppress(Death):
            thin(Mortal(any_store, fatal, before=fatal % 2 == 0), RULES, THINNED_AT + fatal)  # type: ignore[arg-type]
    thin(any_store, RULES, THINNED_AT + 99)
    assert left(any_store) == left(any_store, "traces") == left(any_store, "spans_by_service") == [2, 3, 4, 5, 6, 8]
    assert figures(any_store) == before
    assert thin(any_store, RULES, THINNED_AT + 100) == []
