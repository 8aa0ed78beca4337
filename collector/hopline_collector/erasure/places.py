"""Which tables hold what, read from the store itself: a table of a later schema is no exception."""

import re
from dataclasses import dataclass
from typing import Final

from hopline_collector.store.clickhouse import ClickHouse

_IDS_ONLY: Final = frozenset({"call_sides", "arrivals", "closed_traces", "thinned", "erasing", "schema_version"})
"""Tables that know a trace by its id alone and that figures are settled from: they stay."""

_WHOLE_ROWS: Final = frozenset({"tag_values", "attr_keys", "dead_letters"})
"""Tables without figures, whose rows go whole; elsewhere the text is blanked and the figures stay."""

_TEXT: Final = re.compile(r"(?<!Fixed)String")


@dataclass(frozen=True, slots=True)
class Column:
    """A column that may hold text."""

    name: str
    type: str
    in_key: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A table with text in it."""

    database: str
    table: str
    by_trace: bool
    """Rows belong to traces, and go with them."""
    key: str
    """The sorting key, which tells rows apart that are to be mended."""
    texts: tuple[Column, ...]

    @property
    def name(self) -> str:
        """As an answer shows it."""
        return self.table if self.database != "system" else f"system.{self.table}"

    @property
    def whole_rows(self) -> bool:
        """Whether a row that holds the text goes; else the text in it is blanked."""
        return self.table in _WHOLE_ROWS or self.database == "system"


def places(store: ClickHouse) -> list[Place]:
    """Every table of ours, and every log that the engine keeps of itself."""
    home = store.settings.home
    tables = store.ask(
        "SELECT DISTINCT database, name, sorting_key, partition_key FROM system.tables"
        " WHERE engine LIKE '%MergeTree' AND (database = {home:String} OR database = 'system' AND name LIKE '%\\_log%')"
        " ORDER BY database, name",
        {"home": home},
    )
    columns = store.ask(
        "SELECT database, table, name, type, is_in_sorting_key OR is_in_partition_key FROM system.columns"
        " WHERE (database = {home:String} OR database = 'system') AND default_kind NOT IN ('ALIAS', 'EPHEMERAL')"
        " ORDER BY position",
        {"home": home},
    )
    found = []
    for database, table, key, partition in tables:
        own = [(n, t, bool(k)) for d, of, n, t, k in columns if (d, of) == (database, table)]
        texts = tuple(Column(f"`{n}`", t, k) for n, t, k in own if _TEXT.search(t))
        if table in _IDS_ONLY or not key:
            continue
        by_trace = database != "system" and any(n == "trace_id" for n, _, _ in own)
        if texts or by_trace:
            found.append(Place(database, table, by_trace, ", ".join(filter(None, (partition, key))), texts))
    return found
