"""``hopline tail`` and ``hopline top``: what happens now, line after line, until Ctrl-C."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from rich.text import Text

from hopline_deploy import terminal
from hopline_deploy.commands_read import SERVER_DEFAULT, Json, Server, Token, columns, fail_remote, show
from hopline_deploy.following import Following
from hopline_deploy.remote import Remote, RemoteError

_MOST: Final = 100
"""Traces of one look."""

_LEAST_NAME_CELLS: Final = 24

Every = Annotated[float, typer.Option(min=0.2, max=3_600, help="Seconds between two looks.")]
Count = Annotated[int, typer.Option(min=0, help="End after so many; 0 = go on until Ctrl-C.")]
Service = Annotated[str, typer.Option(help="Name of a service.")]
Answer = Mapping[str, Any]


def tail(
    *,
    service: Service = "",
    operation: Annotated[str, typer.Option(help="Name of an operation.")] = "",
    uid: Annotated[str, typer.Option(help="Id of a user.")] = "",
    query: Annotated[str, typer.Option("--filter", help="Such as 'http.response.status_code>=500'.")] = "",
    errors: Annotated[bool, typer.Option("--errors", help="Failing traces only.")] = False,
    min_duration: Annotated[str, typer.Option(help="The trace took at least, such as 250ms.")] = "",
    lines: Annotated[bool, typer.Option("--lines", help="A line for each trace instead of its tree.")] = False,
    every: Every = 1.0,
    count: Count = 0,
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Print new traces as trees, some three seconds after their end."""
    given = {"service": service, "operation": operation, "uid": uid, "filter": query, "min_duration": min_duration}
    given |= {"errors": "true" if errors else "", "limit": str(_MOST), "order_by": "newest"}
    asked = {name: value for name, value in given.items() if value}
    try:
        remote = Remote(server, token)
        # A wrong condition is told before anything is waited for.
        now_us = remote.get("traces", asked | {"limit": "1"})["freshness"]["now_us"]
        for told, trace in enumerate(_new(remote, asked, Following(now_us), every), 1):
            _tell(remote, trace, lines=lines, as_json=as_json)
            if told == count:
                return
    except RemoteError as error:
        fail_remote(error)
    except KeyboardInterrupt:
        return


def _new(remote: Remote, asked: Mapping[str, str], following: Following, every: float) -> Iterator[Answer]:
    """New traces, look after look; says so where one look did not hold all of them."""
    ask = _patient(lambda start: remote.get("traces", {**asked, "from": str(start)}))
    now_us = 0
    while True:
        answer = ask(following.look_from(now_us))
        if answer is not None:
            now_us = answer["freshness"]["now_us"]
            yield from following.news(answer["traces"], now_us)
            if answer["next_cursor"] and answer["count"] > _MOST:
                typer.echo(f"hopline: more than {_MOST} traces at once: conditions show fewer", err=True)
        time.sleep(every)


def _tell(remote: Remote, trace: Answer, *, lines: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(trace))
        return
    if lines:
        show(terminal.results({"traces": [trace], "count": 1, "count_exact": True}, columns())[:-1])
        return
    try:
        show([*terminal.waterfall(remote.get(f"traces/{quote(trace['trace_id'], safe='')}"), columns()), Text()])
    except RemoteError as error:
        if error.status != 404:  # erased, or expired, since it was listed
            raise


def top(
    *,
    service: Annotated[str, typer.Option(help="The operations of this service instead of all services.")] = "",
    window: Annotated[str, typer.Option(help="Figures of the last 30s, 1m, 1h.")] = "1m",
    rows: Annotated[int, typer.Option(min=1, max=1_000, help="How many, busiest first.")] = 20,
    every: Every = 2.0,
    count: Count = 0,
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Print services by rate, with success and latency, again and again."""
    asked = {"from": f"now-{window}", **({"service": service, "group": "operation"} if service else {})}
    try:
        remote = Remote(server, token)
        answer: Answer | None = remote.get("stats", asked)
        ask = _patient(lambda _: remote.get("stats", asked))
        looks = 0
        while True:
            if answer is not None:
                typer.echo(json.dumps(answer)) if as_json else show(table(answer, rows, columns()))
                looks += 1
            if count and looks >= count:
                return
            time.sleep(every)
            answer = ask(0)
    except RemoteError as error:
        fail_remote(error)
    except KeyboardInterrupt:
        return


def table(answer: Answer, rows: int, width: int) -> list[Text]:
    """The busiest `rows` of an answer of ``/stats``: figures whole, names cut to `width` cells or below them."""
    busiest = sorted(answer["services"], key=lambda entry: -(entry["qps"] or 0))
    lines = [Text(f"{terminal.clock(answer['to_us'])}  {len(busiest)} in all", "bold")]
    lines.append(Text(f"{'calls/s':>8} {'ok %':>6} {'p50':>9} {'p99':>9}", "dim"))
    for entry in busiest[:rows]:
        rate = entry["success_rate"]
        success = "-" if rate is None else f"{100 * rate:.4g}"
        figures = f"{entry['qps'] or 0:>8.4g} {success:>6} {terminal.duration(entry['p50_us']):>9}"
        name = terminal.printable(f"{entry['service']} {entry.get('operation') or ''}".rstrip())
        style = "red" if rate is not None and rate < 1 else ""
        lines += _beside(f"{figures} {terminal.duration(entry['p99_us']):>9}", name, width, style)
    return [*lines, Text()]


def _beside(figures: str, name: str, width: int, style: str) -> list[Text]:
    """One line, or two where a name would have no room."""
    room = width - len(figures) - 2
    cut = Text(name, style)
    cut.truncate(max(room if room >= _LEAST_NAME_CELLS else width - 2, 1), overflow="ellipsis")
    if room >= _LEAST_NAME_CELLS:
        return [Text(f"{figures}  ", style).append_text(cut)]
    return [Text(figures, style), Text("  ").append_text(cut)]


def _patient(ask: Callable[[int], Answer]) -> Callable[[int], Answer | None]:
    """As `ask`, but a server that is away or busy is told once on stderr and asked again at the next look."""
    away = False

    def asked(start: int) -> Answer | None:
        nonlocal away
        try:
            answer = ask(start)
        except RemoteError as error:
            if error.status in {400, 401, 403, 404}:
                raise
            if not away:
                typer.echo(f"hopline: {terminal.printable(str(error))}; asking again", err=True)
            away = True
            return None
        away = False
        return answer

    return asked


def add_to(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    for command in (tail, top):
        app.command()(command)
