"""The verbs of ``hopline`` that look at settings and store: migrate, retention, doctor, token, config."""

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from json import dumps as to_json
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hopline_deploy import access
from hopline_deploy import settings as table
from hopline_deploy.commands_read import SERVER_DEFAULT, Server, Token
from hopline_deploy.commands_retention import expired_line
from hopline_deploy.options import ClickHouse, Data, Database, File, Json, Kafka, effective, fail
from hopline_deploy.settings import Loaded, Settings

if TYPE_CHECKING:
    # The store's parts take half a second to import, and `hopline --help` needs none of them.
    from hopline_collector.chores.retention import RetentionSettings
    from hopline_collector.store.clickhouse import ClickHouse as Store
    from hopline_deploy.doctor.finding import Finding

_SECRET_OPTION: Final = re.compile(r"(\w*(?:password|secret|token)\w*)=[^,]*")

retention_app: Final = typer.Typer(help="How long things are kept.", no_args_is_help=True)


DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the SQL of an empty store's tables; touch nothing.")]


def migrate(
    data: Data = None,
    clickhouse: ClickHouse = None,
    database: Database = None,
    config: File = None,
    *,
    json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Create the tables or bring them up to date; safe to repeat."""
    from hopline_collector.store.migrate import statements
    from hopline_deploy.opening import open_store

    loaded = effective({"data": data, "clickhouse": clickhouse, "database": database}, config)
    store = open_store(loaded.settings)
    if dry_run:
        typer.echo("".join(f"{statement};\n\n" for statement in statements(store.settings)), nl=False)
    else:
        _migrate(store, as_json=json)


def _migrate(store: "Store", *, as_json: bool) -> None:
    from hopline_collector.store import checks
    from hopline_collector.store.errors import StoreError
    from hopline_collector.store.migrate import current_version
    from hopline_collector.store.migrate import migrate as apply

    try:
        checks.check(store)
        applied = [m.name for m in apply(store)]
        version = current_version(store)
    except StoreError as error:
        fail(error, 1)
    finally:
        store.close()
    if as_json:
        typer.echo(to_json({"applied": applied, "version": version}))
    else:
        typer.echo(f"schema version {version}: {', '.join(applied) or 'nothing to do'}")


@retention_app.command("plan")
def retention_plan(
    *,
    data: Data = None,
    clickhouse: ClickHouse = None,
    database: Database = None,
    config: File = None,
    json: Json = False,
) -> None:
    """Show what the retention would drop today, before it does. An embedded store must be at rest."""
    from hopline_deploy.compose import retention

    loaded = effective({"data": data, "clickhouse": clickhouse, "database": database}, config)
    _show_expired(loaded.settings, retention(loaded.settings), as_json=json)


def _show_expired(settings: Settings, kept: "RetentionSettings", *, as_json: bool) -> None:
    from hopline_collector.chores import disk_share
    from hopline_collector.chores.retention import plan
    from hopline_collector.store.errors import StoreError
    from hopline_deploy.opening import open_existing

    try:
        with closing(open_existing(settings)) as store:
            today = datetime.now(UTC).date()
            aged = plan(store, kept, today)
            expired = [asdict(part) for part in (*aged, *disk_share.plan(store, kept.disk_share, today, aged))]
    except StoreError as error:
        fail(error, 1)
    if as_json:
        typer.echo(to_json(expired))
        return
    for part in expired:
        typer.echo(expired_line(part))
    typer.echo(f"{len(expired)} partitions would be dropped")


def doctor(
    *,
    data: Data = None,
    clickhouse: ClickHouse = None,
    kafka: Kafka = None,
    database: Database = None,
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    config: File = None,
    json: Json = False,
) -> None:
    """Look at ports, files, disk, store, broker, server and clock; create nothing. Ends with 1 when one is wrong."""
    from hopline_deploy.doctor.examine import examine

    loaded = effective({"data": data, "clickhouse": clickhouse, "kafka": kafka, "database": database}, config)
    _report(list(examine(loaded.settings, server, token)), as_json=json)


def _report(findings: "Sequence[Finding]", *, as_json: bool) -> None:
    if as_json:
        typer.echo(to_json([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            advice = f"\n{'':<18}{finding.advice}" if finding.advice else ""
            typer.echo(f"{'ok' if finding.ok else 'WRONG':<6}{finding.part:<12}{finding.says}{advice}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def make_token(
    scope: Annotated[str, typer.Option(help="write (send spans), read (pages and API) or admin (both).")] = "read",
    *,
    name: Annotated[str, typer.Option(help="Whose it is.")] = "",
    until: Annotated[str | None, typer.Option(help="When it ends, such as 2027-01-01T00:00:00Z [never].")] = None,
    services: Annotated[
        str | None, typer.Option(help="Of write or read: beginnings of service names, a,b [any].")
    ] = None,
) -> None:
    """Make an access token: the token on stdout, its line for the token file on stderr."""
    if scope not in access.SCOPES:
        fail(f"scope is {scope!r}: use {', '.join(access.SCOPES)}")
    try:
        made, line = access.create(scope, name, until, services)
    except access.TokenError as error:
        fail(error)
    typer.echo(made)
    typer.echo(f"for the file of setting tokens: {line}", err=True)


def show_config(config: File = None, json: Json = False) -> None:
    """Print the effective settings and where each came from."""
    _print_settings(effective({}, config), as_json=json)


def _print_settings(loaded: Loaded, *, as_json: bool) -> None:
    settings = loaded.settings
    rows = [(name, _hidden(name, getattr(settings, name)), loaded.origins[name]) for name, _, _ in table.table()]
    if as_json:
        typer.echo(to_json({name: {"value": value, "origin": origin} for name, value, origin in rows}, indent=2))
        return
    for name, value, origin in rows:
        typer.echo(f"{name:<16} {_plain(value):<32} {origin}")


def _plain(value: object) -> str:
    """As it would be written in an environment variable."""
    if isinstance(value, tuple):
        return ",".join(value)
    return "" if value is None else str(value)


def _hidden(name: str, value: object) -> object:
    """Without the passwords that the store's address and Kafka's options may hold."""
    if name == "canary_token" and value:
        return "***"
    if name == "kafka_options":
        return _SECRET_OPTION.sub(r"\1=***", str(value))
    if name != "clickhouse" or "@" not in str(value):
        return value
    return ",".join(map(_without_password, str(value).split(",")))


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://***@{rest.rpartition('@')[2]}" if "@" in rest else url


def add_to(app: typer.Typer) -> None:
    """Add these verbs to the command."""
    for command in (migrate, doctor):
        app.command()(command)
    app.command("token")(make_token)
    app.command("config")(show_config)
    app.add_typer(retention_app, name="retention")
