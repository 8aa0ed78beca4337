"""``hopline backup`` and ``hopline restore``: the embedded store, whole, while it runs."""

import json
import shutil
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from hopline_deploy.commands_read import SERVER_DEFAULT, Json, Server, Token, fail_remote
from hopline_deploy.options import Database, effective, fail
from hopline_deploy.remote import Remote, RemoteError

_POLL_S: Final = 0.3


def backup(
    *,
    to: Annotated[Path, typer.Option(help="Folder to make; it must not be there yet.")],
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Back up the embedded store of a running server on this machine. Inserts wait meanwhile."""
    if to.exists():
        fail(f"{to} is there already")
    remote = Remote(server, token)
    try:
        made = remote.post("backups", {})
        while made["state"] == "running":
            time.sleep(_POLL_S)
            made = remote.get(f"backups/{made['name']}")
    except RemoteError as error:
        fail_remote(error)
    if made["state"] != "done":
        fail(made["trouble"], 1)
    folder = Path(made["folder"])
    if not folder.is_dir():
        fail(f"the backup is whole in {folder} on the server's machine: fetch it from there", 1)
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(folder, to)
    size = sum(file.stat().st_size for file in to.rglob("*") if file.is_file())
    typer.echo(json.dumps({"folder": str(to), "bytes": size}) if as_json else f"{to}: {size / 1e6:,.1f} MB")


def restore(
    *,
    source: Annotated[Path, typer.Option("--from", help="Folder that hopline backup made.")],
    data: Annotated[Path, typer.Option(help="Data folder to make; hopline up --data takes it then.")],
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Make a store from a backup, and bring its tables up to date."""
    from hopline_collector.chores.backup import restore as bring_back
    from hopline_collector.store.errors import StoreError
    from hopline_deploy.opening import open_store

    loaded = effective({"data": data, "database": database, "clickhouse": ""}, None)
    try:
        spans = bring_back(source.absolute(), open_store(loaded.settings).settings)
    except StoreError as error:
        fail(error, 1)
    typer.echo(json.dumps({"data": str(data), "spans": spans}) if as_json else f"{data}: {spans:,} spans")


def add_to(app: typer.Typer) -> None:
    """Add these verbs to the command."""
    app.command()(backup)
    app.command()(restore)
