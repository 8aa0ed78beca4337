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

from hopline_collector.store import table_settings, view_changes
from hopline_collector.store.clickhouse import ClickHouse, StoreSettings
from hopline_collector.store.errors import SchemaNewerError, StoreError

_BY_TRACE: Final = "cityHash64(trace_id)"
_BY_PLACE: Final = "cityHash64(source, topic, partition)"
_SHARDED_BY: Final = {
    **dict.fromkeys(
        (
            *("ingest", "archive", "closed_traces", "thinned", "erasing"),
            *("settled", "settled_stale", "settled_calls", "settled_causes"),
        ),
        _BY_TRACE,
    ),
    **dict.fromkeys(("ledger", "dead_letters", "replays"), _BY_PLACE),
    **dict.fromkeys(("paired_edges", "paired_buckets", "settled_buckets"), "cityHash64(bucket)"),
    **dict.fromkeys(("alert_changes", "alert_deliveries"), "alert"),
    "alert_leases": "slot",
    "reports": "cityHash64(service, instance)",
    "thinnings": "cityHash64(rules)",
    "limits": "rules",
}
"""Of tables that are inserted to: a token is known to one shard, so a repetition must meet its first try there."""

_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_CREATED: Final = re.compile(r"CREATE TABLE IF NOT EXISTS \w+\.(\w+)")
_ADDED: Final = re.compile(r"ALTER TABLE \S+\s+(ON CLUSTER \S+ )?ADD COLUMN")
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
            if settings.on_cluster:
                # What fills a new table from an old one is sent to one server and would fill its part alone.
                parts = [part for part in parts if not part.startswith("INSERT")]
            if settings.cluster:
                parts += _distributed(parts, settings)
            found.append(Migration(int(number), name, tuple(parts)))
    return found


def statements(settings: StoreSettings) -> list[str]:
    """All that :func:`migrate` would run on an empty store, in order. Raises as :func:`migrations`."""
    parts = view_changes.once((), [migration.statements for migration in migrations(settings)], ())
    return _foundation(settings) + [statement for part in parts for statement in part]


def migrate(store: ClickHouse, *, now_us: int | None = None) -> list[Migration]:
    """Bring the store to the newest schema; returns what was applied. Safe to repeat and to race.

    A file that died half-way is applied again from its start: every statement is idempotent.
    Shards of plain tables are brought up to date one after the other, so one that was added
    later gets everything. Raises :class:`SchemaNewerError` before anything is touched.
    """
    settings = store.settings
    settings.check()
    stamp = time.time_ns() // 1000 if now_us is None else now_us
    todo = migrations(settings)
    if not settings.shards_alone:
        with store.writer() as handle:
            return _bring_up(handle, settings, todo, stamp)
    applied: dict[int, Migration] = {}
    for url in settings.urls:
        with store.on_server(url) as handle:
            applied |= {m.version: m for m in _bring_up(handle, settings, todo, stamp)}
    return [applied[version] for version in sorted(applied)]


def current_version(store: ClickHouse) -> int:
    """The highest applied version, 0 for an empty store; of several servers the lowest. Raises StoreError."""
    settings = store.settings
    if not settings.shards_alone:
        with store.reader() as handle:
            return _version(handle, settings)
    found = []
    for url in settings.urls:
        with store.on_server(url) as handle:
            found.append(_version(handle, settings))
    return min(found)


def missing_versions(store: ClickHouse) -> list[int]:
    """Versions that this release knows and some server has not got, be they behind it or between. Raises StoreError."""
    settings = store.settings
    wanted = {migration.version for migration in migrations(settings)}
    if not settings.shards_alone:
        with store.reader() as handle:
            return sorted(wanted - _present(handle, settings))
    lacking: set[int] = set()
    for url in settings.urls:
        with store.on_server(url) as handle:
            lacking |= wanted - _present(handle, settings)
    return sorted(lacking)


def newest_version(settings: StoreSettings) -> int:
    """The highest version that this release knows."""
    return max(migration.version for migration in migrations(settings))


def check_version(store: ClickHouse) -> None:
    """Raise :class:`StoreError` unless the schema is the one that this release knows; touches nothing."""
    found, known = current_version(store), newest_version(store.settings)
    if found > known:
        raise SchemaNewerError(found, known)
    lacking = missing_versions(store)
    if lacking:
        raise StoreError(f"the schema lacks {', '.join(map(str, lacking))} of {known} versions: run hopline migrate")


def _bring_up(handle: Any, settings: StoreSettings, todo: list[Migration], stamp: int) -> list[Migration]:
    """Apply what one server, or the cluster behind it, has not got yet."""
    found = _version(handle, settings)
    if found > todo[-1].version:
        raise SchemaNewerError(found, todo[-1].version)
    for statement in _foundation(settings):
        handle.command(statement)
    done = _applied(handle, settings)
    fresh = [m for m in todo if m.version not in done]
    before = [m.statements for m in todo if m.version in done]
    runs = view_changes.once(before, [m.statements for m in fresh], _views(handle, settings))
    for migration, parts in zip(fresh, runs, strict=True):
        for statement in parts:
            handle.command(statement)
            for more in view_changes.loaded_anew(statement) if settings.path else ():
                handle.command(more)
        handle.insert(
            f"{settings.database}.schema_version",
            [[migration.version, migration.name, stamp]],
            column_names=["version", "name", "applied_us"],
        )
    table_settings.apply(handle, settings)
    return fresh


def _schema() -> Any:
    return resources.files("hopline_collector.store") / "schema"


def _split(text: str) -> list[str]:
    bare = _COMMENT.sub("", text)
    return [part.strip() for part in _STATEMENT_END.split(bare) if part.strip()]


def _parameters(settings: StoreSettings) -> dict[str, str]:
    prefix = "Replicated" if settings.cluster and settings.replicated else ""
    wanted = table_settings.wanted(settings)
    return {
        "database": settings.home,
        "on_cluster": settings.on_cluster,
        "settings": ", ".join(f"{name} = {value}" for name, value in wanted.items()),
        "MergeTree": f"{prefix}MergeTree",
        "AggregatingMergeTree": f"{prefix}AggregatingMergeTree",
    }


def _foundation(settings: StoreSettings) -> list[str]:
    """The databases and the version table. Atomic databases of our own: the default one lacks features.

    Shards of plain tables have a version each; a replicated cluster has one, which every server reads.
    """
    parameters = _parameters(settings)
    on_cluster = parameters["on_cluster"]
    names = dict.fromkeys((settings.database, settings.home))
    databases = [f"CREATE DATABASE IF NOT EXISTS {name} {on_cluster} ENGINE = Atomic" for name in names]
    columns = "(version UInt32, name String, applied_us UInt64)"
    engine = f"ENGINE = {parameters['MergeTree']} ORDER BY version"
    create = f"CREATE TABLE IF NOT EXISTS {{}}.schema_version {on_cluster}"
    if not on_cluster:
        return [*databases, f"{create.format(settings.database)} {columns} {engine}"]
    over = f"ENGINE = Distributed({settings.cluster}, {settings.home}, schema_version, version)"
    return [
        *databases,
        f"{create.format(settings.home)} {columns} {engine}",
        f"{create.format(settings.database)} {columns} {over}",
    ]


def _distributed(local: list[str], settings: StoreSettings) -> list[str]:
    """A Distributed table over each local one, and each plain view over those; rows of one trace meet on one shard.

    A column that is added to a local table is added to the one over it.
    """
    found = []
    for statement in local:
        if statement.startswith(("CREATE VIEW", "CREATE OR REPLACE VIEW")) or _ADDED.match(statement):
            found.append(statement.replace(f"{settings.home}.", f"{settings.database}."))
        created = _CREATED.match(statement)
        if created:
            table = created[1]
            key = _SHARDED_BY.get(table, "rand()")
            found.append(
                f"CREATE TABLE IF NOT EXISTS {settings.database}.{table} {settings.on_cluster} "
                f"AS {settings.home}.{table} "
                f"ENGINE = Distributed({settings.cluster}, {settings.home}, {table}, {key})"
            )
    return found


def _version(handle: Any, settings: StoreSettings) -> int:
    return max(_present(handle, settings), default=0)


def _present(handle: Any, settings: StoreSettings) -> set[int]:
    """The applied versions; none in a store without tables."""
    exists = handle.query(
        "SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'schema_version'",
        parameters={"database": settings.database},
    ).result_rows[0][0]
    return _applied(handle, settings) if exists else set()


def _views(handle: Any, settings: StoreSettings) -> set[str]:
    rows = handle.query(
        "SELECT name FROM system.tables WHERE database = {home:String} AND engine = 'MaterializedView'",
        parameters={"home": settings.home},
    ).result_rows
    return {str(row[0]) for row in rows}


def _applied(handle: Any, settings: StoreSettings) -> set[int]:
    rows = handle.query(f"SELECT version FROM {settings.database}.schema_version").result_rows
    return {int(row[0]) for row in rows}
