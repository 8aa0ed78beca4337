"""Create and migrate the schema: numbered ``.sql`` files, applied once each, in order.

The same files serve the embedded engine, one server and a cluster; what differs
(database, engines, settings) is a parameter of the text. On a cluster the tables
live in ``<database>_local`` as replicated tables, and ``<database>`` holds a
Distributed table of the same name over each of them, so that neither the writer nor
a reader knows the difference.
"""

import re
import time
from dataclasses import dataclass
from importlib import resources
from string import Template
from typing import Any, Final

from hopline_collector.store.clickhouse import ClickHouse, StoreSettings

DEDUPLICATION_WINDOW: Final = 10_000
"""How many blocks per table are remembered: a replay must come before that many others."""

_BY_TRACE: Final = "cityHash64(trace_id)"
_BY_PLACE: Final = "cityHash64(source, topic, partition)"
_SHARDED_BY: Final = {
    **dict.fromkeys(("ingest", "archive", "closed_traces", "thinned"), _BY_TRACE),
    **dict.fromkeys(("ledger", "dead_letters", "replays"), _BY_PLACE),
    **dict.fromkeys(("paired_edges", "paired_buckets"), "cityHash64(bucket)"),
    "reports": "cityHash64(service, instance)",
    "thinnings": "cityHash64(rules)",
    "limits": "rules",
}
"""Of tables that are inserted to: a token is known to one shard, so a repetition must meet its first try there."""

_WEEK_SECONDS: Final = 604_800
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_CREATED: Final = re.compile(r"CREATE TABLE IF NOT EXISTS \w+\.(\w+)")
_STATEMENT_END: Final = re.compile(r";[ \t]*$", re.MULTILINE)
_COMMENT: Final = re.compile(r"^\s*--.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file, with its parameters filled in."""

    version: int
    name: str
    statements: tuple[str, ...]


def migrations(settings: StoreSettings) -> list[Migration]:
    """Every migration in order. Raises ValueError for names that are no identifiers."""
    for name in filter(None, (settings.database, settings.cluster)):
        if not _IDENTIFIER.fullmatch(name):
            raise ValueError(f"not an identifier: {name!r}")
    parameters = _parameters(settings)
    found = []
    for file in sorted(_schema().iterdir(), key=lambda f: f.name):
        if file.name.endswith(".sql"):
            number, _, name = file.name.removesuffix(".sql").partition("_")
            text = Template(file.read_text(encoding="utf-8")).substitute(parameters)
            parts = _split(text)
            if settings.cluster:
                parts += _distributed(parts, settings)
            found.append(Migration(int(number), name, tuple(parts)))
    return found


def statements(settings: StoreSettings) -> list[str]:
    """All that :func:`migrate` would run on an empty store, in order. Raises as :func:`migrations`."""
    return _foundation(settings) + [s for migration in migrations(settings) for s in migration.statements]


def migrate(store: ClickHouse, *, now_us: int | None = None) -> list[Migration]:
    """Bring the store to the newest schema; returns what was applied. Safe to repeat and to race.

    A file that died half-way is applied again from its start: every statement is idempotent.
    """
    settings = store.settings
    stamp = time.time_ns() // 1000 if now_us is None else now_us
    todo = migrations(settings)
    with store.writer() as handle:
        for statement in _foundation(settings):
            handle.command(statement)
        done = _applied(handle, settings)
        fresh = [m for m in todo if m.version not in done]
        for migration in fresh:
            for statement in migration.statements:
                handle.command(statement)
            handle.insert(
                f"{settings.database}.schema_version",
                [[migration.version, migration.name, stamp]],
                column_names=["version", "name", "applied_us"],
            )
    return fresh


def current_version(store: ClickHouse) -> int:
    """The highest applied version, 0 for an empty store."""
    with store.reader() as handle:
        exists = handle.query(
            "SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'schema_version'",
            parameters={"database": store.database},
        ).result_rows[0][0]
        return max(_applied(handle, store.settings), default=0) if exists else 0


def _schema() -> Any:
    return resources.files("hopline_collector.store") / "schema"


def _split(text: str) -> list[str]:
    bare = _COMMENT.sub("", text)
    return [part.strip() for part in _STATEMENT_END.split(bare) if part.strip()]


def _parameters(settings: StoreSettings) -> dict[str, str]:
    fsync = int(settings.fsync)
    common = [
        f"fsync_after_insert = {fsync}",
        f"fsync_part_directory = {fsync}",
        f"min_free_disk_bytes_to_perform_insert = {settings.free_disk_bytes}",
    ]
    if settings.cluster:
        window = [
            f"replicated_deduplication_window = {DEDUPLICATION_WINDOW}",
            f"replicated_deduplication_window_seconds = {_WEEK_SECONDS}",
        ]
    else:
        window = [f"non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}"]
    prefix = "Replicated" if settings.cluster else ""
    return {
        "database": f"{settings.database}_local" if settings.cluster else settings.database,
        "on_cluster": f"ON CLUSTER {settings.cluster}" if settings.cluster else "",
        "settings": ", ".join(window + common),
        "MergeTree": f"{prefix}MergeTree",
        "AggregatingMergeTree": f"{prefix}AggregatingMergeTree",
    }


def _foundation(settings: StoreSettings) -> list[str]:
    """The databases and the version table. Atomic databases of our own: the default one lacks features."""
    parameters = _parameters(settings)
    on_cluster = parameters["on_cluster"]
    names = dict.fromkeys((settings.database, parameters["database"]))
    databases = [f"CREATE DATABASE IF NOT EXISTS {name} {on_cluster} ENGINE = Atomic" for name in names]
    columns = "(version UInt32, name String, applied_us UInt64)"
    engine = f"ENGINE = {parameters['MergeTree']} ORDER BY version"
    return [
        *databases,
        f"CREATE TABLE IF NOT EXISTS {settings.database}.schema_version {on_cluster} {columns} {engine}",
    ]


def _distributed(local: list[str], settings: StoreSettings) -> list[str]:
    """A Distributed table over each local one, and each plain view over those; rows of one trace meet on one shard."""
    found = []
    for statement in local:
        if statement.startswith("CREATE VIEW"):
            found.append(statement.replace(f"{settings.database}_local.", f"{settings.database}."))
        created = _CREATED.match(statement)
        if created:
            table = created[1]
            key = _SHARDED_BY.get(table, "rand()")
            found.append(
                f"CREATE TABLE IF NOT EXISTS {settings.database}.{table} ON CLUSTER {settings.cluster} "
                f"AS {settings.database}_local.{table} "
                f"ENGINE = Distributed({settings.cluster}, {settings.database}_local, {table}, {key})"
            )
    return found


def _applied(handle: Any, settings: StoreSettings) -> set[int]:
    rows = handle.query(f"SELECT version FROM {settings.database}.schema_version").result_rows
    return {int(row[0]) for row in rows}
