"""The verbs of ``hopline`` that ask a running server."""

import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, NoReturn
from urllib.parse import quote

import typer
from rich.console import Console
from rich.text import Text

from hopline_deploy import pasted, terminal
from hopline_deploy.remote import Remote, RemoteError

SERVER_DEFAULT: Final = "http://127.0.0.1:9411"
PIPE_COLUMNS: Final = 200

Server = Annotated[str, typer.Option(envvar="HOPLINE_SERVER", help="Address of a running Hopline.")]
Token = Annotated[
    str, typer.Option(envvar="HOPLINE_TOKEN", help="Access token; better in HOPLINE_TOKEN than on the command line.")
]
Json = Annotated[bool, typer.Option("--json", help="The API's answer as it is.")]


TraceId = Annotated[str, typer.Argument(help="A trace id, a traceparent, or a link to a trace.")]


def trace(
    trace_id: TraceId,
    *,
    adjust: Annotated[bool, typer.Option("--adjust", help="Move what a skewed clock misplaced.")] = False,
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Print a trace as a waterfall."""
    try:
        answer = Remote(server, token).get(
            f"traces/{pasted.trace_id(trace_id)}", {"adjust": "true"} if adjust else None
        )
    except RemoteError as error:
        fail_remote(error)
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        show(terminal.waterfall(answer, columns()))


def export(
    trace_id: TraceId,
    *,
    form: Annotated[str, typer.Option("--format", help="json, csv, zipkin, otlp, chrome or mermaid.")] = "json",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; default stdout.")] = None,
    server: Server = SERVER_DEFAULT,
    token: Token = "",
) -> None:
    """Save one trace in another tool's format."""
    try:
        body = Remote(server, token).read(
            f"api/v1/traces/{quote(pasted.trace_id(trace_id), safe='', errors='replace')}/export", {"format": form}
        )
    except RemoteError as error:
        fail_remote(error)
    if output is None:
        sys.stdout.buffer.write(body)
    else:
        output.write_bytes(body)


def columns() -> int:
    """Width of the terminal in cells, or what ``COLUMNS`` says; wide enough for whole lines in a pipe or a file."""
    return shutil.get_terminal_size((PIPE_COLUMNS, 24)).columns


def console() -> Console:
    """Where verbs print."""
    return Console(width=columns(), highlight=False)


def show(lines: Iterable[Text]) -> None:
    """Print lines that were made for the width of the terminal."""
    printing = console()
    for line in lines:
        printing.print(line, soft_wrap=True)


def fail_remote(error: RemoteError) -> NoReturn:
    """End with 2 for what the user got wrong, else with 1."""
    typer.echo(f"hopline: {terminal.printable(str(error))}", err=True)
    raise typer.Exit(2 if error.status == 400 else 1)


def add_to(app: typer.Typer) -> None:
    """Add these verbs to the command."""
    for command in (trace, export):
        app.command()(command)
