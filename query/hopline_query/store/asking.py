"""Run one statement of ours on the store and turn its failures into our errors."""

import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping
from functools import cache
from importlib import resources
from string import Template
from typing import Any

from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreAwayError, StoreBusyError, StoreError, StoreHeldError
from hopline_query.budget import CURRENT
from hopline_query.errors import (
    BadRequestError,
    QueryError,
    QueryTimeoutError,
    StoreUnavailableError,
    TooManyQueriesError,
)
from hopline_query.search.filter import Expression, terms

log = logging.getLogger(__name__)

CODE = re.compile(r"(?:Code:|error code|\(code)\s*(\d+)", re.IGNORECASE)

FAILURES: dict[int, QueryError] = {
    159: QueryTimeoutError("the question took too long: try a smaller range"),
    160: QueryTimeoutError("the question would take too long: try a smaller range"),
    241: QueryTimeoutError("the question needs too much memory: try a smaller range"),
    202: TooManyQueriesError("too many questions at once: try again in a moment"),
    427: BadRequestError("not a regular expression of RE2", field="filter"),
    60: StoreUnavailableError(
        "the tables are not there yet: a collector makes them as it starts, or `hopline migrate`"
    ),
    81: StoreUnavailableError("the database is not there yet: a collector makes it at its start, or `hopline migrate`"),
    210: StoreUnavailableError("the store does not answer"),
    209: StoreUnavailableError("the store does not answer"),
}
"""ClickHouse's error codes with a meaning for the person who asks."""

SECONDS = 0.2
"""How long an answer may be reused while this process stores nothing: one page asks several questions."""

ALONE_SECONDS = 5.0
"""The same of the engine in this process, where no other process stores anything."""

FIGURES_SECONDS = 1.0
"""The same of figures and names, where other processes store: as long as a freshness block is reused."""

REMEMBERED_ROWS = 100_000
"""Rows of answers that are remembered at once; each answer counts for one more."""

PATTERNS = 1_000
"""Regular expressions that are remembered as good."""

Age = tuple[float, int]
"""When something was asked, and after how many writes of this process."""


class Asker:
    """Asks one database; every statement comes from ``store/sql`` or is put together from our own words."""

    def __init__(self, store: ClickHouse) -> None:
        self._store = store
        self._patterns: set[str] = set()
        self._lock = threading.Lock()
        self._remembered: OrderedDict[str, tuple[Age, list[tuple[Any, ...]]]] = OrderedDict()
        self._rows = 0

    def age(self) -> Age:
        """Now, to be told before asking what is to be remembered."""
        return time.monotonic(), self._store.writes

    def lasts(self, age: Age, seconds: float = SECONDS) -> bool:
        """Whether what was asked then is still so: this process stored nothing since, and others had hardly time to.

        ``seconds`` is the time of others.
        """
        if self._store.settings.path:
            seconds = ALONE_SECONDS
        return age[1] == self._store.writes and time.monotonic() - age[0] < seconds

    def remembered(
        self, statement: str, parameters: Mapping[str, Any], seconds: float = FIGURES_SECONDS
    ) -> list[tuple[Any, ...]]:
        """The same as :meth:`rows`, from memory while it :meth:`lasts`. Nobody changes the list."""
        key = f"{statement} {sorted(parameters.items())}"
        with self._lock:
            known = self._remembered.get(key)
            if known is not None and self.lasts(known[0], seconds):
                self._remembered.move_to_end(key)
                return known[1]
        age = self.age()
        found = self.rows(statement, parameters)
        with self._lock:
            self._forget(key)
            self._remembered[key] = (age, found)
            self._rows += 1 + len(found)
            while self._rows > REMEMBERED_ROWS:
                self._forget(next(iter(self._remembered)))
        return found

    def _forget(self, key: str) -> None:
        known = self._remembered.pop(key, None)
        if known is not None:
            self._rows -= 1 + len(known[1])

    def rows(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of the answer. ``$database``, ``$home`` and ``$parts`` in the statement are filled in here."""
        settings = self._store.settings
        text = Template(statement).substitute(
            database=settings.database, home=settings.home, parts=settings.system("parts")
        )
        try:
            budget = CURRENT.get()
            if budget is None:
                return self._store.ask(text, parameters)
            with budget.statement(self._store.cancel) as name:
                return self._store.ask(text, parameters, name)
        except StoreBusyError as error:
            raise TooManyQueriesError("too many questions at once: try again in a moment") from error
        except StoreError as error:
            raise _meaning(error) from error

    def file(self, name: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of the statement in ``store/sql/<name>.sql``."""
        return self.rows(statement(name), parameters)

    def judge(self, pattern: str, texts: Collection[str]) -> Collection[str]:
        """Those of the texts that the pattern finds something in, by the engine: RE2 takes linear time.

        Raises :class:`BadRequestError` for what is no regular expression of RE2.
        """
        asked = "SELECT arrayFilter(text -> match(text, {pattern:String}), {texts:Array(String)})"
        return frozenset(self.rows(asked, {"pattern": pattern, "texts": list(texts)})[0][0])

    def check_patterns(self, expression: Expression | None) -> None:
        """Raise :class:`BadRequestError` that names the column of a pattern which is none to the engine.

        Asked before a search: the engine looks at a pattern only where there is a row to try it on.
        """
        for term, _ in terms(expression):
            if term.op == "~" and term.value not in self._patterns:
                try:
                    self.judge(term.value, [""])
                except BadRequestError as error:
                    raise BadRequestError(error.message, field=error.field, column=term.column) from error
                if len(self._patterns) < PATTERNS:
                    self._patterns.add(term.value)


@cache
def statement(name: str) -> str:
    """The text of ``store/sql/<name>.sql``."""
    return (resources.files("hopline_query.store") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def _meaning(error: StoreError) -> Exception:
    found = CODE.search(str(error))
    known = FAILURES.get(int(found[1])) if found else None
    if known is not None:
        return type(known)(known.message, field=known.field)
    if isinstance(error, (StoreAwayError, StoreHeldError)):
        # The driver's words name addresses, which are nobody's business outside.
        log.warning("the store does not answer: %s", error)
        return StoreUnavailableError("the store does not answer")
    return error
