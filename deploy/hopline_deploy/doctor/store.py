"""The store and the disk under it, looked at without making either."""

import os
import shutil
from pathlib import Path

from hopline_collector.store import checks, embedded, table_settings
from hopline_collector.store.clickhouse import ClickHouse
from hopline_collector.store.errors import StoreError
from hopline_collector.store.migrate import current_version, missing_versions, newest_version
from hopline_collector.store.servers import shown
from hopline_deploy.doctor.finding import Finding, well, wrong
from hopline_deploy.opening import open_store
from hopline_deploy.settings import Settings


def disk(settings: Settings) -> Finding:
    """Whether the data folder's disk has the room below which inserts are refused."""
    folder = Path(settings.data).absolute()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir():
        return wrong("disk", f"{there} is a file", "name a folder with --data")
    if not os.access(there, os.W_OK | os.X_OK):
        return wrong("disk", f"{there} may not be written by this user", "give the folder to the user, or name another")
    free = shutil.disk_usage(there).free
    least = settings.free_disk_bytes
    says = f"{there}: {free / 1e9:.1f} GB free"
    # A store elsewhere has its own disk; the journal here needs little.
    if free < (0 if settings.clickhouse else least):
        return wrong("disk", f"{says}, inserts stop below {least / 1e9:.1f} GB", "free space, or keep fewer days")
    return well("disk", says)


def store(settings: Settings, *, answers: bool) -> Finding:
    """Whether the store can be used; `answers`: a server runs, and may be what holds it."""
    if settings.clickhouse:
        return _look(open_store(settings), ", ".join(map(shown, settings.clickhouse.split(","))))
    unopened = open_store(settings)
    folder = Path(unopened.settings.path)
    if not folder.exists():
        if answers:
            return well("store", f"{folder} is not there; the server has its store elsewhere")
        empty = f"{folder}: schema 0 of {newest_version(unopened.settings)}, the folder is not there yet"
        return wrong("store", empty, "run hopline up, or hopline migrate: either makes it")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return wrong("store", f"{folder} belongs to another user", "run as that user, or name another --data")
    holder = embedded.holder(folder)
    if holder and answers:
        return well("store", f"{folder}: open in process {holder}")
    if holder:
        held = f"{folder} is open in process {holder}, and no server answers"
        return wrong("store", held, f"name its address with --server, or end process {holder}")
    return _look(unopened, str(folder))


def _look(store: ClickHouse, place: str) -> Finding:
    try:
        store.check()
        troubles = checks.troubles(store)
        version, newest = current_version(store), newest_version(store.settings)
        lacking = missing_versions(store)
        detached = store.detached_parts()
        full = [] if store.settings.path else _full_disks(store)
        with store.reader() as handle:
            unlike = [f"{t}: {', '.join(s)}" for t, s in table_settings.differing(handle, store.settings).items()]
    except (StoreError, ValueError) as error:
        return wrong("store", f"{place}: {error}", "start ClickHouse, or correct its address, user and password")
    finally:
        store.close()
    if troubles:
        return wrong("store", f"{place}: {'; '.join(troubles)}", "see docs/operations.md")
    if version > newest:
        later = f"{place}: schema {version}, this release knows {newest}"
        return wrong("store", later, "install a newer hopline")
    if lacking:
        return wrong("store", f"{place}: schema {version} of {newest}", "run hopline migrate, or start a collector")
    if unlike:
        differ = f"{place}: {len(unlike)} tables have other settings ({unlike[0]})"
        return wrong("store", differ, "run hopline migrate, or start a collector")
    if detached:
        broken = f"{place}: {detached} parts were set aside as broken"
        return wrong("store", broken, "see system.detached_parts; their rows are missing")
    if full:
        return wrong("store", f"{place}: {'; '.join(full)}", "free space there, or keep fewer days")
    return well("store", f"{place}: schema {version}")


def _full_disks(store: ClickHouse) -> list[str]:
    least = store.settings.free_disk_bytes
    disks = f"SELECT DISTINCT name, free_space FROM {store.settings.everywhere('disks')}"
    found = store.ask(f"{disks} WHERE free_space < {{least:UInt64}}", {"least": least})
    return [
        f"disk {name} has {free / 1e9:.1f} GB free, inserts stop below {least / 1e9:.1f} GB" for name, free in found
    ]
