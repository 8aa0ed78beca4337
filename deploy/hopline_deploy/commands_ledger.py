"""``hopline ledger``: whether everything that came in is accounted for, and going back after a restore."""

from collections.abc import Mapping
from contextlib import closing
from json import dumps as to_json
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from hopline_deploy.commands_read import SERVER_DEFAULT, Server, Token, console
from hopline_deploy.options import ClickHouse, Data, Database, File, Json, Kafka, effective, fail
from hopline_deploy.remote import Remote, RemoteError
from hopline_deploy.settings import Settings
from hopline_deploy.tables import print_table

if TYPE_CHECKING:
    from hopline_collector.sources.kafka_positions import GroupPositions, Place

app: Final = typer.Typer(help="What became of everything that came in.", no_args_is_help=True)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]


@app.command()
def check(
    *,
    data: Data = None,
    clickhouse: ClickHouse = None,
    database: Database = None,
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    config: File = None,
    json: Json = False,
) -> None:
    """Look for ranges that are lost, missing or stored twice. Ends with 1 when there is one.

    Asks ClickHouse where setting clickhouse names it, else a running server, else the folder at rest.
    """
    loaded = effective({"data": data, "clickhouse": clickhouse, "database": database}, config)
    found = _from_store(loaded.settings) if loaded.settings.clickhouse else _from_server(loaded.settings, server, token)
    if json:
        typer.echo(to_json(found))
    else:
        _show(found)
    if not found["ok"]:
        raise typer.Exit(1)


@app.command()
def rewind(
    *,
    data: Data = None,
    clickhouse: ClickHouse = None,
    database: Database = None,
    kafka: Kafka = None,
    config: File = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """After a restore: set Kafka's committed positions back to where the ledger ends. Stop every collector first.

    A log that the ledger does not know is read again from its start.
    """
    flags = {"data": data, "clickhouse": clickhouse, "database": database, "kafka": kafka}
    settings = effective(flags, config).settings
    if not settings.kafka:
        fail("rewind moves positions in Kafka: name the brokers with --kafka; a journal keeps nothing to go back to")
    moved = _rewind(settings, dry_run=dry_run)
    if json:
        typer.echo(to_json({"rewound": moved, "dry_run": dry_run}))
        return
    for place in moved:
        typer.echo(f"{place['topic']}/{place['partition']}: {place['from']} -> {place['to']}")
    typer.echo(f"{len(moved)} positions {'would be' if dry_run else 'were'} set back")


def _from_server(settings: Settings, server: str, token: str) -> dict[str, Any]:
    try:
        return Remote(server, token).get("ledger/check")
    except RemoteError as error:
        if error.status:
            fail(error, 1)
    return _from_store(settings)


def _from_store(settings: Settings) -> dict[str, Any]:
    from hopline_collector.chores import books
    from hopline_collector.store.errors import StoreError
    from hopline_deploy.opening import open_existing

    try:
        with closing(open_existing(settings)) as store:
            return books.look(store).answer()
    except StoreError as error:
        fail(error, 1)


def _rewind(settings: Settings, *, dry_run: bool) -> list[dict[str, Any]]:
    from hopline_collector.sources.kafka_positions import GroupPositions
    from hopline_collector.sources.source import SourceError
    from hopline_collector.store.errors import StoreError
    from hopline_collector.store.writer import ClickHouseWriter
    from hopline_deploy.opening import open_existing

    servers = tuple(filter(None, (part.strip() for part in settings.kafka.split(","))))
    try:
        with (
            closing(ClickHouseWriter(open_existing(settings))) as writer,
            closing(GroupPositions(servers, settings.group, settings.kafka_client_options())) as group,
        ):
            places = group.places(settings.topic_formats())
            ends = {place: writer.ledger_end("kafka", place.topic, place.number, place.log) for place in places}
            return _move(group, ends, dry_run=dry_run)
    except (SourceError, StoreError) as error:
        fail(error, 1)


def _move(group: "GroupPositions", ends: Mapping["Place", int], *, dry_run: bool) -> list[dict[str, Any]]:
    moved = []
    for place, end in ends.items():
        goal = max(end, place.start)
        if place.committed is not None and place.committed > goal:
            if not dry_run:
                group.move(place, goal)
            moved.append({"topic": place.topic, "partition": place.number, "from": place.committed, "to": goal})
    return moved


def _show(found: Mapping[str, Any]) -> None:
    logs = [
        [
            *(_partition(log), f"{log['start']} to {log['end']}", f"{log['blocks']:,}"),
            f"{log['lost']:,} offsets lost in {log['gaps']} gaps" if log["gaps"] else "",
            log["log"],
        ]
        for log in found["logs"]
    ]
    if logs:
        print_table(console(), ("log", "offsets", "blocks", "", "identity"), logs)
    flaws = [[f["kind"], _partition(f), f"{f['start']} to {f['end']}: {f['detail']}"] for f in found["flaws"]]
    if flaws:
        print_table(console(), ("flaw", "log", "offsets"), flaws)
    typer.echo(f"{len(flaws)} flaws" if flaws else "everything is accounted for, once")


def _partition(place: Mapping[str, Any]) -> str:
    return f"{place['source']} {place['topic']}/{place['partition']}"
