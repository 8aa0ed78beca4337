"""The verbs of ``hopline`` that ask a running server."""

import json
import sys
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console

from hopline_deploy import terminal
from hopline_deploy.remote import Remote, RemoteError

SERVER_DEFAULT: Final = "http://127.0.0.1:9411"
PIPE_COLUMNS: Final = 200

Server = Annotated[str, typer.Option(envvar="HOPLINE_SERVER", help="Address of a running Hopline.")]
Token = Annotated[
    str, typer.Option(envvar="HOPLINE_TOKEN", help="Access token; better in HOPLINE_TOKEN than on the command line.")
]
Json = Annotated[bool, typer.Option("--json", help="The API's answer as it is.")]


def trace(
    trace_id: Annotated[str, typer.Argument(help="A trace id, a traceparent, or a link to a trace.")],
    *,
    adjust: Annotated[bool, typer.Option("--adjust", help="Move what a skewed clock misplaced.")] = False,
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Print a trace as a waterfall."""
    try:
        answer = Remote(server, token).get(f"traces/{trace_id}", {"adjust": "true"} if adjust else None)
    except RemoteError as error:
        fail_remote(error)
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        console().print(terminal.waterfall(answer))


def search(
    *,
    service: Annotated[str, typer.Option(help="Name of a service.")] = "",
    operation: Annotated[str, typer.Option(help="Name of an operation.")] = "",
    uid: Annotated[str, typer.Option(help="Id of a user.")] = "",
    query: Annotated[str, typer.Option("--filter", help="Such as 'http.response.status_code>=500'.")] = "",
    errors: Annotated[bool, typer.Option("--errors", help="Failing traces only.")] = False,
    since: Annotated[str, typer.Option("--from", help="Such as now-15m, or RFC 3339.")] = "now-1h",
    order_by: Annotated[str, typer.Option(help="newest, oldest, longest, shortest, errors or spans.")] = "newest",
    limit: Annotated[int, typer.Option(help="How many, at most 1000.")] = 20,
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Find traces. Ends with 1 when there is none."""
    params = {"service": service, "operation": operation, "uid": uid, "filter": query, "from": since}
    params |= {"order_by": order_by, "limit": str(limit), "errors": "true" if errors else ""}
    try:
        answer = Remote(server, token).get("traces", {name: value for name, value in params.items() if value})
    except RemoteError as error:
        fail_remote(error)
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        console().print(terminal.results(answer))
    if not answer["traces"]:
        raise typer.Exit(1)


def export(
    trace_id: Annotated[str, typer.Argument(help="A trace id.")],
    *,
    form: Annotated[str, typer.Option("--format", help="json, csv, zipkin, otlp, chrome or mermaid.")] = "json",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; default stdout.")] = None,
    server: Server = SERVER_DEFAULT,
    token: Token = "",
) -> None:
    """Save one trace in another tool's format."""
    try:
        body = Remote(server, token).read(f"api/v1/traces/{trace_id}/export", {"format": form})
    except RemoteError as error:
        fail_remote(error)
    if output is None:
        sys.stdout.buffer.write(body)
    else:
        output.write_bytes(body)


def console() -> Console:
    """As wide as the terminal; wide enough for whole lines in a pipe or a file."""
    return Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS)


def fail_remote(error: RemoteError) -> NoReturn:
    """End with 2 for what the user got wrong, else with 1."""
    typer.echo(f"hopline: {error}", err=True)
    raise typer.Exit(2 if error.status == 400 else 1)


def add_to(app: typer.Typer) -> None:
    """Add these verbs to the command."""
    for command in (trace, search, export):
        app.command()(command)
