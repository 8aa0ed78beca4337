"""Run one statement of ours on the store and turn its failures into our errors."""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from string import Template
from typing import Any

from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreBusyError, StoreError
from hopline_query.errors import (
    BadRequestError,
    QueryError,
    QueryTimeoutError,
    StoreUnavailableError,
    TooManyQueriesError,
)

CODE = re.compile(r"(?:Code:|error code|\(code)\s*(\d+)", re.IGNORECASE)

FAILURES: dict[int, QueryError] = {
    159: QueryTimeoutError("the question took too long: try a smaller range"),
    160: QueryTimeoutError("the question would take too long: try a smaller range"),
    241: QueryTimeoutError("the question needs too much memory: try a smaller range"),
    202: TooManyQueriesError("too many questions at once: try again in a moment"),
    427: BadRequestError("not a regular expression of RE2", field="filter"),
    210: StoreUnavailableError("the store does not answer"),
    209: StoreUnavailableError("the store does not answer"),
}
"""ClickHouse's error codes with a meaning for the person who asks."""


class Asker:
    """Asks one database; every statement comes from ``store/sql`` or is put together from our own words."""

    def __init__(self, store: ClickHouse) -> None:
        self._store = store

    @property
    def database(self) -> str:
        """The database that is asked."""
        return self._store.database

    def rows(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of the answer. ``$database`` in the statement is filled in here."""
        text = Template(statement).substitute(database=self._store.database)
        try:
            with self._store.reader() as handle:
                result = handle.query(text, parameters=dict(parameters or {}))
                return list(result.result_rows)
        except StoreBusyError as error:
            raise TooManyQueriesError("too many questions at once: try again in a moment") from error
        except StoreError as error:
            raise StoreUnavailableError(f"the store does not answer: {error}") from error
        except Exception as error:
            raise _meaning(error) from error

    def file(self, name: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of the statement in ``store/sql/<name>.sql``."""
        return self.rows(statement(name), parameters)


@cache
def statement(name: str) -> str:
    """The text of ``store/sql/<name>.sql``."""
    return (resources.files("hopline_query.store") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def _meaning(error: Exception) -> Exception:
    found = CODE.search(str(error))
    known = FAILURES.get(int(found[1])) if found else None
    if known is not None:
        return type(known)(known.message, field=known.field)
    if isinstance(error, OSError) or type(error).__name__ == "OperationalError":
        return StoreUnavailableError("the store does not answer")
    return error
