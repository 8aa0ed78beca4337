"""``hopline canary``: one known trace through a running server, by hand."""

import json
import socket
import threading
import time
from dataclasses import asdict
from typing import Annotated

import typer

from hopline_deploy import terminal
from hopline_deploy.commands_read import SERVER_DEFAULT, Json, Server, Token
from hopline_deploy.options import fail
from hopline_deploy.remote import Remote, RemoteError


def canary(
    *,
    server: Server = SERVER_DEFAULT,
    door: Annotated[str, typer.Option(help="Where it goes in, where that is another address.")] = "",
    patience: Annotated[float, typer.Option(min=0.1, max=600.0, help="Seconds until every way must be right.")] = 30.0,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Send one known trace, read it back in every way, and say how long each took. Ends with 1 when one is wrong."""
    from hopline_deploy.canary.probe import WAYS, new_probe
    from hopline_deploy.canary.rounds import DOOR, run_round

    try:
        reader, way_in = Remote(server, token), Remote(door or server, token)
    except RemoteError as error:
        fail(error)
    probe = new_probe(socket.gethostname(), time.time_ns() // 1_000)
    done = run_round(way_in, reader, probe, threading.Event().wait, patience)
    if as_json:
        typer.echo(json.dumps(asdict(done)))
    else:
        for way in (DOOR, *WAYS):
            if way in done.wrong or way in done.found_s:
                said = done.wrong.get(way) or f"right after {done.found_s[way]:.2f} s"
                typer.echo(terminal.printable(f"{way:<8} {said}"))
    if done.wrong:
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command()(canary)
