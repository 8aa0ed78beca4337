"""The verbs of ``hopline`` that ask why: root causes first (docs/why.md)."""

import json
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer

from hopline_deploy.commands_read import SERVER_DEFAULT, Json, Server, Token, console, fail_remote
from hopline_deploy.remote import Remote, RemoteError
from hopline_deploy.tables import print_table
from hopline_deploy.terminal import duration

PARTS: Final = 8
"""Parts of a band that are printed."""

MOST: Final = 20
"""Parts of a change that are printed."""

WORDS: Final = {"mix": "other requests", "calls": "other calls", "time": "the time that they take"}
"""What moves a percentile."""

Service = Annotated[str, typer.Option(help="Name of a service.")]
Operation = Annotated[str, typer.Option(help="Name of an operation.")]
Filter = Annotated[str, typer.Option("--filter", help="Such as 'shop.tenant=17'.")]
Since = Annotated[str, typer.Option("--from", help="Such as now-15m, or RFC 3339.")]
Until = Annotated[str, typer.Option("--to", help="Such as now-5m, or RFC 3339.")]


def causes(
    *,
    service: Service = "",
    operation: Operation = "",
    query: Filter = "",
    since: Since = "now-1h",
    until: Until = "now",
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Say what began the failures. Ends with 1 when nothing failed."""
    params = _chosen(service, operation, query, since, until)
    answer = _ask("causes", params, server, token)
    _tell(answer, _causes, as_json=as_json)
    if not answer["causes"]:
        raise typer.Exit(1)


def _causes(answer: Any) -> None:
    rows = [[c[key] for key in ("hurt", "recovered", "count", "echoes", "service")] for c in answer["causes"]]
    words = [f"{c['operation']}  {c['error_type']}  {c['text']}" for c in answer["causes"]]
    _table(
        ["traces hurt", "recovered", "failures", "echoes", "where", "what"],
        [[*row, text] for row, text in zip(rows, words, strict=True)],
        f"{answer['failures']} failing calls in {answer['traces']} traces",
    )


def differs(
    *,
    service: Service,
    operation: Operation = "",
    query: Filter = "",
    slower_than: Annotated[str, typer.Option(help="Calls that took at least so long, such as 500ms.")] = "",
    errors: Annotated[bool, typer.Option("--errors", help="Failing calls.")] = False,
    version: Annotated[str, typer.Option(help="Calls of this version.")] = "",
    since: Since = "now-1h",
    until: Until = "now",
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Say what sets the chosen calls of a service apart from the rest. Ends with 1 when nothing does."""
    params = _chosen(service, operation, query, since, until)
    params |= {"min_span_duration": slower_than, "errors": "true" if errors else "", "version": version}
    answer = _ask("differs", params, server, token)
    _tell(answer, _differs, as_json=as_json)
    if not answer["findings"]:
        raise typer.Exit(1)


def _differs(answer: Any) -> None:
    rows = [[f["sentence"], f"{f['p']:.1g}"] for f in answer["findings"]]
    stands = "" if rows else "nothing stands out: "
    caption = f"{stands}{answer['selected']} calls compared with {answer['base']}"
    _table(["what differs", "by chance"], rows, caption)


def worse(
    *,
    service: Service,
    operation: Operation = "",
    query: Filter = "",
    since: Since = "now-1h",
    until: Until = "now",
    base_since: Annotated[str, typer.Option("--base-from", help="Begin of the time before.")] = "now-2h",
    base_until: Annotated[str, typer.Option("--base-to", help="End of the time before.")] = "now-1h",
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Say what got worse between two times, adding up."""
    params = _chosen(service, operation, query, since, until)
    _tell(
        _ask("worse", params | {"base_from": base_since, "base_to": base_until}, server, token), _worse, as_json=as_json
    )


def _worse(answer: Any) -> None:
    means = [duration(round(us)) if (us := answer[side]["avg_us"]) is not None else "-" for side in ("before", "after")]
    rows = [[f"{part['us']:+.0f} us", part["service"], part["operation"], part["cause"]] for part in answer["parts"]]
    calls = [answer[side]["calls"] for side in ("before", "after")]
    caption = f"mean {means[0]} over {calls[0]} calls, then {means[1]} over {calls[1]}"
    tail = [f"{part['us']:+.0f} us by {WORDS[part['cause']]}" for part in answer["p95_parts"]]
    caption += f"; p95 {', '.join(tail)}" if tail else ""
    _table(["change", "service", "operation", "cause"], rows[:MOST], caption)


def calls(
    text: Annotated[str, typer.Argument(help="Such as '{service=a} >> {kind=client} | count() by (name)'.")],
    *,
    since: Since = "now-1h",
    until: Until = "now",
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Find calls by who calls whom, or tell of them in a table. Ends with 1 when there is none."""
    answer = _ask("query", {"q": text, "from": since, "to": until}, server, token)
    _tell(answer, _calls, as_json=as_json)
    if not answer["calls"]:
        raise typer.Exit(1)


def _calls(answer: Any) -> None:
    _table(answer["columns"], answer["rows"], f"{answer['calls']} calls")


def shapes(
    *,
    service: Service = "",
    operation: Operation = "",
    query: Filter = "",
    version: Annotated[str, typer.Option(help="Calls of this version.")] = "",
    base_version: Annotated[str, typer.Option(help="Version to compare with.")] = "",
    since: Since = "now-1h",
    until: Until = "now",
    base_since: Annotated[str, typer.Option("--base-from", help="Begin of the time to compare with.")] = "",
    base_until: Annotated[str, typer.Option("--base-to", help="End of the time to compare with.")] = "",
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Say which operation calls which: shapes of traces, new and vanished ones, and loops by what they cost."""
    params = _chosen(service, operation, query, since, until)
    params |= {"version": version, "base_version": base_version, "base_from": base_since, "base_to": base_until}
    _tell(_ask("shapes", params, server, token), _shapes, as_json=as_json)


def _shapes(answer: Any) -> None:
    rows = [_shape(shape, "new" if shape["base_traces"] == 0 else "") for shape in answer["shapes"]]
    rows += [_shape(shape, "vanished") for shape in answer["vanished"]]
    against = "" if answer["base_traces"] is None else f", compared with {answer['base_traces']}"
    _table(["shape", "traces", "p50", "p99", "failed", "", "what"], rows, f"{answer['traces']} traces{against}")
    loops = [
        [duration(loop["cost_us"]), loop["calls"], loop["traces"], loop["most"], _place(loop), _place(loop["caller"])]
        for loop in answer["repeats"][:MOST]
    ]
    if loops:
        heads = ["cost", "calls", "traces", "most at once", "called again and again", "by"]
        _table(heads, loops, "five times or more by one call; the cost is what asking once would save")


def _shape(shape: Any, news: str) -> list[Any]:
    times = [duration(round(shape[name])) for name in ("p50_us", "p99_us")]
    (first, *below) = shape["outline"] or [[0, "", "", 1]]
    words = f"{first[1]} {first[2]}, {len(below)} below" if below else f"{first[1]} {first[2]}"
    return [shape["shape"], shape["traces"], *times, shape["errors"], news, words]


def _place(of: Any) -> str:
    return f"{of['service']} {of['operation']}".strip() or "not received"


def critical_path(
    *,
    service: Service,
    operation: Operation = "",
    query: Filter = "",
    what_if: Annotated[str, typer.Option(help="SERVICE|OPERATION|FACTOR: its own time times the factor.")] = "",
    since: Since = "now-1h",
    until: Until = "now",
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Say who decides how long the calls of an operation take, by band of latency."""
    params = _chosen(service, operation, query, since, until)
    _tell(_ask("critical-path", params | {"what_if": what_if}, server, token), _critical_path, as_json=as_json)


def _critical_path(answer: Any) -> None:
    rows = [_part(band["band"], part) for band in answer["bands"] for part in band["parts"][:PARTS]]
    _table(["band", "service", "operation", "wait", "mean", "share", "drag", "slack"], rows, _supposed(answer))


def _part(band: str, part: Any) -> list[str]:
    times = [duration(round(part[name])) for name in ("us", "drag_us", "slack_us")]
    where = [band, part["service"], part["operation"], part["wait"]]
    return [*where, times[0], f"{part['share']:.1%}", *times[1:]]


def _supposed(answer: Any) -> str:
    text = f"{answer['traces']} calls"
    if (supposed := answer["what_if"]) is None:
        return text
    levels = ("p50_us", "p95_us", "p99_us")
    before, after = ([duration(round(supposed[when][level])) for level in levels] for when in ("before", "after"))
    return f"{text}; p50, p95, p99: {', '.join(before)}, then {', '.join(after)}"


def _table(heads: list[str], rows: list[list[Any]], caption: str) -> None:
    print_table(console(), heads, rows, caption)


def _chosen(service: str, operation: str, query: str, since: str, until: str) -> dict[str, str]:
    """Parameters that the questions share."""
    return {"service": service, "operation": operation, "filter": query, "from": since, "to": until}


def _tell(answer: Any, tell: Callable[[Any], None], *, as_json: bool) -> None:
    """Print an answer as it is, or as a verb's table."""
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        tell(answer)


def _ask(path: str, params: dict[str, str], server: str, token: str) -> Any:
    try:
        return Remote(server, token).get(path, {name: value for name, value in params.items() if value})
    except RemoteError as error:
        fail_remote(error)


def add_to(app: typer.Typer) -> None:
    """Add these verbs to the command."""
    for command in (causes, differs, worse, calls, shapes):
        app.command()(command)
    app.command("critical-path")(critical_path)
