"""``hopline search``: every condition of the search page, by option or as a pasted link."""

import json
from typing import Annotated

import typer

from hopline_deploy import pasted, terminal
from hopline_deploy.commands_read import SERVER_DEFAULT, Json, Server, Token, columns, fail_remote, show
from hopline_deploy.options import fail
from hopline_deploy.remote import Remote, RemoteError


def _option(text: str, *names: str) -> object:
    return typer.Option(*names, help=text, rich_help_panel="Conditions")


def search(
    link: Annotated[str, typer.Argument(help="A link of the search page; options win over its conditions.")] = "",
    *,
    service: Annotated[str, _option("Name of a service.")] = "",
    operation: Annotated[str, _option("Name of an operation.")] = "",
    uid: Annotated[str, _option("Id of a user.")] = "",
    caller: Annotated[str, _option("Calls from it: a node of the map.")] = "",
    callee: Annotated[str, _option("Calls to it: a node of the map.")] = "",
    instance: Annotated[str, _option("Process, such as host:port.")] = "",
    env: Annotated[str, _option("Deployment environment.")] = "",
    version: Annotated[str, _option("Version of the service.")] = "",
    error_type: Annotated[str, _option("Type of an error, such as Timeout.")] = "",
    query: Annotated[str, _option("Such as 'http.response.status_code>=500'.", "--filter")] = "",
    structure: Annotated[str, _option("Such as '{service=a} >> {kind=client AND duration>100ms}'.")] = "",
    shape: Annotated[str, _option("Shape of the trace, as the page of shapes links it.")] = "",
    cause: Annotated[str, _option("Traces that a root cause explains, as hopline causes names it.")] = "",
    entry: Annotated[bool, _option("Only the entry calls of the service are judged.", "--entry")] = False,
    errors: Annotated[bool, _option("Failing traces only.", "--errors")] = False,
    unfinished: Annotated[bool, _option("Traces with calls that did not end.", "--unfinished")] = False,
    min_duration: Annotated[str, _option("The trace took at least, such as 250ms.")] = "",
    max_duration: Annotated[str, _option("The trace took at most.")] = "",
    min_span_duration: Annotated[str, _option("A call took at least.")] = "",
    max_span_duration: Annotated[str, _option("A call took at most.")] = "",
    min_spans: Annotated[str, _option("At least so many spans.")] = "",
    since: Annotated[str, _option("Such as now-15m, or RFC 3339 [now-1h].", "--from")] = "",
    until: Annotated[str, _option("The same; [now].", "--to")] = "",
    load_test: Annotated[str, _option("true: load tests too; only: nothing else.")] = "",
    order_by: Annotated[str, _option("newest, oldest, longest, shortest, errors or spans.")] = "",
    limit: Annotated[str, _option("How many, at most 1000 [20].")] = "",
    cursor: Annotated[str, _option("Go on after the page that named it.")] = "",
    further: Annotated[
        list[str] | None, _option("NAME=VALUE of any further condition of the API; repeatable.", "--with")
    ] = None,
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Find traces. Ends with 1 when there is none."""
    given = {"service": service, "operation": operation, "uid": uid, "caller": caller, "callee": callee}
    given |= {"instance": instance, "env": env, "version": version, "error_type": error_type, "filter": query}
    given |= {"structure": structure, "shape": shape, "cause": cause, "entry": _flag(entry), "errors": _flag(errors)}
    given |= {"unfinished": _flag(unfinished), "min_duration": min_duration, "max_duration": max_duration}
    given |= {"min_span_duration": min_span_duration, "max_span_duration": max_span_duration, "min_spans": min_spans}
    given |= {"from": since, "to": until, "load_test": load_test, "order_by": order_by, "limit": limit}
    given |= {"cursor": cursor, **dict(_pair(word) for word in further or ())}
    _search(link, given, Remote(server, token), as_json=as_json)


def _search(link: str, given: dict[str, str], remote: Remote, *, as_json: bool) -> None:
    try:
        asked = dict(pasted.conditions(link)) if link else {}
        answer = remote.get("traces", asked | {name: value for name, value in given.items() if value})
    except ValueError as error:
        fail(error)
    except RemoteError as error:
        fail_remote(error)
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        show(terminal.results(answer, columns()))
    if not answer["traces"]:
        raise typer.Exit(1)


def _pair(word: str) -> tuple[str, str]:
    name, sign, value = word.partition("=")
    if not (name and sign):
        fail(f"--with {word!r}: expected NAME=VALUE")
    return name, value


def _flag(given: bool) -> str:
    return "true" if given else ""


def add_to(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command()(search)
