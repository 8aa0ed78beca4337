"""``hopline import``: files of spans into a running Hopline."""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from hopline_deploy import terminal
from hopline_deploy.commands_read import SERVER_DEFAULT, Server, Token, fail_remote
from hopline_deploy.import_files import FileError, spans_of
from hopline_deploy.import_posts import posts_of
from hopline_deploy.importing import Imported, Importer
from hopline_deploy.options import Json, fail
from hopline_deploy.remote import Remote, RemoteError

_DAY_US: Final = 86_400_000_000


def import_files(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="JSON or JSON lines, may be .gz.")],
    *,
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Store spans of files (Hopline's export, Zipkin v2, OTLP JSON) with the times they carry.

    Ends with 1 when some were refused, with 2 when a file is not understood.
    """
    try:
        remote = Remote(server, token)
        importer = Importer(remote)
        with _progress() as progress:
            task = progress.add_task("import", total=sum(path.stat().st_size for path in files))
            for path in files:
                importer.send(posts_of(spans_of(path, lambda read: progress.advance(task, read))))
    except FileError as error:
        fail(f"{error} ({importer.done.accepted} spans before it were stored)")
    except RemoteError as error:
        fail_remote(error)
    except OSError as error:
        fail(error, 1)
    _report(importer.done, as_json=as_json)
    _warn(remote, importer.done.oldest_us)
    if importer.done.rejected:
        raise typer.Exit(1)


def _progress() -> Progress:
    """A bar on stderr, where that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)


def _report(done: Imported, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(asdict(done)))
        return
    since = f", the oldest of {terminal.clock(done.oldest_us)}" if done.oldest_us else ""
    typer.echo(f"{done.accepted:,} spans stored{since}; {done.rejected:,} refused")
    for problem in done.problems:
        typer.echo(f"  {problem}", err=True)


def _warn(remote: Remote, oldest_us: int) -> None:
    """Say when the server's retention is about to delete what was stored just now."""
    try:
        days = int(remote.get("retention/plan")["rules"]["span_days"])
    except (RemoteError, ValueError, KeyError, TypeError):
        # A token that may only write, or a server that keeps no store: it is a courtesy.
        return
    if oldest_us and oldest_us < time.time_ns() // 1_000 - (days + 1) * _DAY_US:
        typer.echo(
            f"spans older than {days} days go within the hour: raise the setting span_days, or pin their traces",
            err=True,
        )


def add_to(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command("import")(import_files)
