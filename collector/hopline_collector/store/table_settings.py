"""Settings of the tables themselves, applied when they are made and again at every start.

Whoever sets ``fsync`` or ``free_disk_bytes`` later expects them to hold from then on, so
tables whose settings differ are altered.
"""

import re
from typing import Any, Final

from hopline_collector.store.settings import StoreSettings

DEDUPLICATION_WINDOW: Final = 10_000
"""How many blocks per table are remembered: a replay must come before that many others."""

_WEEK_SECONDS: Final = 604_800
_SETTING: Final = re.compile(r"(\w+) = (\w+)")
_WORDS: Final = {"true": "1", "false": "0"}


def wanted(settings: StoreSettings) -> dict[str, int]:
    """What every table with parts is to have."""
    if settings.cluster and settings.replicated:
        window = {
            "replicated_deduplication_window": DEDUPLICATION_WINDOW,
            "replicated_deduplication_window_seconds": _WEEK_SECONDS,
        }
    else:
        window = {"non_replicated_deduplication_window": DEDUPLICATION_WINDOW}
    return {
        **window,
        "fsync_after_insert": int(settings.fsync),
        "fsync_part_directory": int(settings.fsync),
        "min_free_disk_bytes_to_perform_insert": settings.free_disk_bytes,
    }


def differing(handle: Any, settings: StoreSettings) -> dict[str, dict[str, int]]:
    """Table -> settings that it has not got, of the server that ``handle`` leads to."""
    rows = handle.query(
        "SELECT name, engine_full FROM system.tables"
        " WHERE database = {home:String} AND engine LIKE '%MergeTree' AND name != 'schema_version'",
        parameters={"home": settings.home},
    ).result_rows
    found = {}
    for table, engine in rows:
        has = {name: _WORDS.get(value, value) for name, value in _SETTING.findall(engine.rpartition("SETTINGS")[2])}
        lacks = {name: value for name, value in wanted(settings).items() if has.get(name) != str(value)}
        if lacks:
            found[str(table)] = lacks
    return found


def apply(handle: Any, settings: StoreSettings) -> None:
    """Alter the tables whose settings differ. Safe to repeat and to race."""
    for table, lacks in sorted(differing(handle, settings).items()):
        changes = ", ".join(f"{name} = {value}" for name, value in lacks.items())
        handle.command(f"ALTER TABLE {settings.home}.{table} {settings.on_cluster} MODIFY SETTING {changes}")
