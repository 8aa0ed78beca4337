"""The verbs of ``hopline`` that keep traces or let them go, asked of a running server."""

import json
from typing import Any

import typer

from hopline_deploy import pasted
from hopline_deploy.commands_read import SERVER_DEFAULT, Json, Server, Token, TraceId, fail_remote
from hopline_deploy.remote import Remote, RemoteError


def pin(trace_id: TraceId, *, server: Server = SERVER_DEFAULT, token: Token = "") -> None:
    """Keep a trace for good; rows that come later are kept too."""
    try:
        answer = Remote(server, token).post(f"pins/{pasted.trace_id(trace_id)}", {})
    except RemoteError as error:
        fail_remote(error)
    typer.echo(f"{answer['trace_id']} is pinned, {answer['rows']} rows")


def unpin(trace_id: TraceId, *, server: Server = SERVER_DEFAULT, token: Token = "") -> None:
    """Let a pinned trace go: from now on it lives as long as others."""
    try:
        answer = Remote(server, token).delete(f"pins/{pasted.trace_id(trace_id)}")
    except RemoteError as error:
        fail_remote(error)
    typer.echo(f"{answer['trace_id']} is not pinned any more")


def run(*, server: Server = SERVER_DEFAULT, token: Token = "", as_json: Json = False) -> None:
    """Drop now what the retention would drop today; a running collector does so by itself once an hour."""
    try:
        answer = Remote(server, token).post("retention/run", {})
    except RemoteError as error:
        fail_remote(error)
    if as_json:
        typer.echo(json.dumps(answer))
        return
    for part in answer["partitions"]:
        typer.echo(expired_line(part))
    typer.echo(f"{len(answer['partitions'])} partitions were dropped")


def expired_line(part: dict[str, Any]) -> str:
    """A partition of a plan, and why it goes."""
    size = f"{part['rows']:>14,} rows{part['bytes']:>16,} bytes"
    return f"{part['table']:<20}{part['partition']:<10}{size}  {part.get('why', '')}".rstrip()


def add_to(app: typer.Typer, retention: typer.Typer) -> None:
    """Add ``pin`` and ``unpin`` to the command, and ``run`` to its group ``retention``."""
    app.command()(pin)
    app.command()(unpin)
    retention.command()(run)
