"""``hopline erase``: a user or a trace leaves every place of the store."""

import json
import time
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from hopline_deploy import pasted
from hopline_deploy.commands_read import SERVER_DEFAULT, Json, Server, Token, fail_remote
from hopline_deploy.options import fail
from hopline_deploy.remote import Remote, RemoteError

_POLL_S: Final = 0.3
_AWAY_S: Final = 120.0
"""A server that restarts meanwhile goes on by itself: it is waited for so long."""

_SHOWN: Final = ("traces", "rows", "places", "done")


def erase(
    uid: Annotated[str, typer.Option(help="Id of the user.")] = "",
    *,
    trace: Annotated[str, typer.Option(help="Instead of a user: a trace id, or a link to a trace.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count by place; erase nothing.")] = False,
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Erase every trace that carries a user's id, and every other mention of it. Ends when it is done."""
    if bool(uid) == bool(trace):
        fail("name a --uid or a --trace, one of them")
    wanted: dict[str, Any] = {"trace_id": pasted.trace_id(trace)} if trace else {"uid": uid}
    remote = Remote(server, token)
    try:
        answer = _finished(remote, {**wanted, "dry_run": dry_run})
    except RemoteError as error:
        if error.status in {404, 405}:
            fail(f"{server} erases nothing: name an address of hopline up or hopline collector with --server", 1)
        fail_remote(error)
    shown = {name: answer[name] for name in (*("uid", "trace_id"), *_SHOWN) if name in answer}
    typer.echo(json.dumps(shown) if as_json else _told(answer, dry_run=dry_run))


def _finished(remote: Remote, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Start it and wait for its end, over a restart of the server too. Raises RemoteError."""
    job = remote.post("erasures", wanted)
    since = time.monotonic()
    while not job["done"]:
        time.sleep(_POLL_S)
        try:
            job = remote.get(f"erasures/{job['id']}")
            since = time.monotonic()
        except RemoteError as error:
            if error.status == 404:
                job = remote.post("erasures", wanted)
            elif error.status not in {0, 503} or time.monotonic() - since > _AWAY_S:
                raise
    return job


def _told(answer: Mapping[str, Any], *, dry_run: bool) -> str:
    lines = [f"{place:<20}{count:>14,} rows" for place, count in answer["places"].items()]
    verb = "would go" if dry_run else "are gone"
    return "\n".join([*lines, f"{answer['traces']:,} traces, {answer['rows']:,} rows {verb}"])


def add_to(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command()(erase)
