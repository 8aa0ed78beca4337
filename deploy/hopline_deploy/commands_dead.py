"""``hopline dead``: what could not be decoded or stored, and handing it in again."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from hopline_deploy.commands_read import SERVER_DEFAULT, Json, Server, Token, console, fail_remote
from hopline_deploy.remote import Remote, RemoteError
from hopline_deploy.tables import print_table
from hopline_deploy.terminal import clock

app: Final = typer.Typer(help="Messages and rows that were set aside.", no_args_is_help=True)

_HEADS: Final = ("id", "arrived", "reason", "from", "bytes", "detail")

Reason = Annotated[str, typer.Option(help="Only those that were set aside for this reason.")]


@app.command("list")
def list_letters(
    *,
    reason: Reason = "",
    limit: Annotated[int, typer.Option(help="How many, newest first.")] = 50,
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """List what waits, with counts by reason."""
    try:
        answer = Remote(server, token).get("dead", {"reason": reason, "limit": str(limit)})
    except RemoteError as error:
        fail_remote(error)
    if as_json:
        typer.echo(json.dumps(answer))
        return
    print_table(console(), _HEADS, _rows(answer), whole=_HEADS[:-1])
    typer.echo(", ".join(f"{name}: {count}" for name, count in answer["reasons"].items()) or "nothing was set aside")


@app.command()
def show(
    letter: Annotated[str, typer.Argument(help="Id, as listed.")],
    *,
    server: Server = SERVER_DEFAULT,
    token: Token = "",
) -> None:
    """Print one letter with its bytes: as text where they are text, else in base64."""
    try:
        answer = Remote(server, token).get(f"dead/{letter}")
    except RemoteError as error:
        fail_remote(error)
    text, raw = answer.pop("text"), answer.pop("raw")
    for name, value in answer.items():
        typer.echo(f"{name:<12}{value}")
    typer.echo(f"\n{raw if text is None else text}")


@app.command()
def replay(
    letters: Annotated[list[str] | None, typer.Argument(help="Ids, as listed.")] = None,
    *,
    reason: Reason = "",
    server: Server = SERVER_DEFAULT,
    token: Token = "",
) -> None:
    """Hand letters in again, each once; what still cannot be taken becomes a new letter."""
    if bool(letters) == bool(reason):
        typer.echo("hopline: name letters, or a --reason", err=True)
        raise typer.Exit(2)
    try:
        done = Remote(server, token).post("dead/replay", {"reason": reason} if reason else {"ids": letters})
    except RemoteError as error:
        fail_remote(error)
    typer.echo(f"replayed {done['replayed']}")
    for letter, why in done["skipped"].items():
        typer.echo(f"left {letter}: {why}")
    if done["skipped"]:
        raise typer.Exit(1)


def _rows(answer: Mapping[str, Any]) -> list[list[Any]]:
    return [
        [
            *(letter["id"], clock(letter["arrived_us"]), letter["reason"]),
            f"{letter['source']} {letter['topic']}/{letter['partition']}@{letter['offset']}",
            *(letter["bytes"], letter["detail"]),
        ]
        for letter in answer["letters"]
    ]
