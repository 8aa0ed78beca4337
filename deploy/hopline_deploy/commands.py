"""The verbs of ``hopline`` that run servers."""

import logging
from dataclasses import asdict
from json import dumps as to_json
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from hopline_deploy import access
from hopline_deploy import settings as table
from hopline_deploy.access import TokenError
from hopline_deploy.broker import BrokerError
from hopline_deploy.commands_read import SERVER_DEFAULT, Server, add_to
from hopline_deploy.demo import launcher
from hopline_deploy.server import Address, PortTakenError, choose, listen, serve, url
from hopline_deploy.settings import Loaded, Role, SettingsError

app: Final = typer.Typer(
    help="Distributed tracing for Python services.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(help="Pages, query API, Zipkin and native input [9411].")]
OtlpPort = Annotated[int | None, typer.Option(help="OTLP over HTTP [4318].")]
Data = Annotated[Path | None, typer.Option(help="Folder of the embedded engine and the journal.")]
Kafka = Annotated[str | None, typer.Option(help="host:port[,host:port] of the brokers to read from.")]
ClickHouse = Annotated[str | None, typer.Option(help="http://host:8123 of a server instead of the embedded engine.")]
Database = Annotated[str | None, typer.Option(help="Database of all tables.")]
File = Annotated[Path | None, typer.Option("--config", envvar="HOPLINE_CONFIG", help="TOML file with settings.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def fail(message: object, code: int = 2) -> NoReturn:
    """End with `code` and one line on stderr."""
    typer.echo(f"hopline: {message}", err=True)
    raise typer.Exit(code)


def effective(flags: dict[str, Any], file: Path | None) -> Loaded:
    """The effective settings; a bad one ends the command with 2."""
    try:
        return table.load({k: str(v) if isinstance(v, Path) else v for k, v in flags.items()}, file=file)
    except SettingsError as error:
        fail(error)


@app.command()
def up(
    *,
    host: Host = None,
    port: Port = None,
    otlp_port: OtlpPort = None,
    data: Data = None,
    kafka: Kafka = None,
    clickhouse: ClickHouse = None,
    database: Database = None,
    config: File = None,
) -> None:
    """Run everything in one process: inputs, store, query API and pages."""
    flags = {"listen_host": host, "port": port, "otlp_port": otlp_port, "data": data}
    flags |= {"kafka": kafka, "clickhouse": clickhouse, "database": database}
    _serve("up", effective(flags, config))


@app.command()
def collector(
    *,
    host: Host = None,
    port: Port = None,
    otlp_port: OtlpPort = None,
    data: Data = None,
    kafka: Kafka = None,
    clickhouse: ClickHouse = None,
    database: Database = None,
    config: File = None,
) -> None:
    """Run the inputs and the way to the store alone."""
    flags = {"listen_host": host, "port": port, "otlp_port": otlp_port, "data": data}
    flags |= {"kafka": kafka, "clickhouse": clickhouse, "database": database}
    _serve("collector", effective(flags, config))


@app.command()
def query(
    *,
    host: Host = None,
    port: Port = None,
    data: Data = None,
    clickhouse: ClickHouse = None,
    database: Database = None,
    config: File = None,
) -> None:
    """Run the query API and the pages alone."""
    flags = {"listen_host": host, "port": port, "data": data, "clickhouse": clickhouse, "database": database}
    _serve("query", effective(flags, config))


@app.command()
def demo(
    *,
    data: Annotated[Path, typer.Option(help="Folder for everything it writes.")] = Path(".cache/demo"),
    host: Host = None,
    port: Port = None,
    otlp_port: OtlpPort = None,
    kafka: Annotated[bool, typer.Option("--kafka", help="Through a real Kafka broker, started here.")] = False,
    rate: Annotated[float, typer.Option(help="Customers' requests per second.")] = 6.0,
) -> None:
    """Run a live shop of seven processes with Hopline beside it."""
    loaded = effective({"listen_host": host, "port": port, "otlp_port": otlp_port}, None)
    try:
        web, remark = choose(_address(loaded, "port"))
        otlp, _ = choose(_address(loaded, "otlp_port"))
    except PortTakenError as error:
        fail(error)
    options = launcher.Options(data.absolute(), loaded.settings.listen_host, web, otlp, kafka=kafka, rate=rate)

    def say(address: str) -> None:
        typer.echo(f"Hopline demo: {address}{f' ({remark})' if remark else ''}    Ctrl-C stops everything")

    try:
        launcher.run(options, say)
    except (launcher.DemoError, BrokerError) as error:
        fail(error, 1)


@app.command(add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def run(context: typer.Context) -> None:
    """Run a program instrumented, with no change of its code: hopline run -- python app.py."""
    from hopline.launch import main as launch

    launch(context.args)


@app.command()
def migrate(
    data: Data = None, clickhouse: ClickHouse = None, database: Database = None, config: File = None, json: Json = False
) -> None:
    """Create the tables or bring them up to date; safe to repeat."""
    from hopline_deploy.compose import open_store

    loaded = effective({"data": data, "clickhouse": clickhouse, "database": database}, config)
    _migrate(open_store(loaded.settings), as_json=json)


def _migrate(store: Any, *, as_json: bool) -> None:
    from hopline_collector.store.errors import StoreError
    from hopline_collector.store.migrate import current_version
    from hopline_collector.store.migrate import migrate as apply

    try:
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


@app.command()
def doctor(
    *,
    data: Data = None,
    clickhouse: ClickHouse = None,
    kafka: Kafka = None,
    database: Database = None,
    server: Server = SERVER_DEFAULT,
    config: File = None,
    json: Json = False,
) -> None:
    """Look at ports, store, broker, server and clock; one line of advice each. Ends with 1 when something is wrong."""
    from hopline_deploy.doctor import examine

    loaded = effective({"data": data, "clickhouse": clickhouse, "kafka": kafka, "database": database}, config)
    _report(list(examine(loaded.settings, server)), as_json=json)


def _report(findings: list[Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(to_json([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            advice = f"\n{'':<14}{finding.advice}" if finding.advice else ""
            typer.echo(f"{'ok' if finding.ok else 'WRONG':<6}{finding.part:<8}{finding.says}{advice}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command()
def token(
    scope: Annotated[str, typer.Option(help="write (send spans), read (pages and API) or admin (both).")] = "read",
) -> None:
    """Make an access token: the token on stdout, its line for the token file on stderr."""
    if scope not in access.SCOPES:
        fail(f"scope is {scope!r}: use {', '.join(access.SCOPES)}")
    made, line = access.create(scope)
    typer.echo(made)
    typer.echo(f"for the file of setting tokens: {line}", err=True)


@app.command("config")
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
        typer.echo(f"{name:<14} {value!s:<32} {origin}")


def _hidden(name: str, value: object) -> object:
    """Without the password that an address of the store may hold."""
    if name != "clickhouse" or "@" not in str(value):
        return value
    scheme, _, rest = str(value).partition("://")
    return f"{scheme}://***@{rest.rpartition('@')[2]}"


def _address(loaded: Loaded, name: str) -> Address:
    """Where setting `name` wishes to listen."""
    return Address(loaded.settings.listen_host, getattr(loaded.settings, name), loaded.given_by_flag(name))


def _serve(role: Role, loaded: Loaded) -> None:
    from hopline_collector.store.errors import StoreError
    from hopline_deploy.compose import compose

    settings = loaded.settings
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    sockets, lines = [], []
    try:
        for name in ("port", "otlp_port") if role != "query" else ("port",):
            if name == "otlp_port" and not settings.otlp_port:
                continue
            socket, remark = listen(_address(loaded, name))
            sockets.append(socket)
            lines.append(f"{url(socket, tls=bool(settings.tls_cert))}{f' ({remark})' if remark else ''}")
    except PortTakenError as error:
        fail(error)
    try:
        application = compose(role, settings)
    except StoreError as error:
        fail(error, 1)
    except TokenError as error:
        fail(error)
    typer.echo(f"Hopline {role}: {lines[0]}" + "".join(f", OTLP {line}" for line in lines[1:]))
    tls = (settings.tls_cert, settings.tls_key) if settings.tls_cert else None
    serve(application, sockets, shutdown_s=settings.shutdown_s, tls=tls)


add_to(app)
