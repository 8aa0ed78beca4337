"""The verbs of ``hopline``: those that run servers stand here, the others join at the end."""

import contextlib
import faulthandler
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hopline_deploy import (
    commands_alerts,
    commands_backup,
    commands_bench,
    commands_canary,
    commands_capacity,
    commands_dead,
    commands_erase,
    commands_import,
    commands_ledger,
    commands_live,
    commands_mcp,
    commands_read,
    commands_retention,
    commands_search,
    commands_store,
    commands_why,
    log_lines,
)
from hopline_deploy.access import TokenError
from hopline_deploy.broker import BrokerError
from hopline_deploy.demo import launcher
from hopline_deploy.doctor.files import open_secrets
from hopline_deploy.options import (
    ClickHouse,
    Data,
    Database,
    File,
    Host,
    Kafka,
    OtlpGrpcPort,
    OtlpPort,
    Port,
    effective,
    fail,
)
from hopline_deploy.renewing import Certificate
from hopline_deploy.server import Address, PortTakenError, choose, grpc_address, listen, serve, url
from hopline_deploy.settings import Loaded, Role, Settings
from hopline_deploy.verbs import Verbs, begin

if TYPE_CHECKING:
    from starlette.types import ASGIApp

log = logging.getLogger(__name__)

PRIVATE_FOLDERS: Final = ("clickhouse", "journal")
"""What `hopline_deploy.compose` puts into the data folder; its import would slow down every verb."""

app: Final = typer.Typer(
    cls=Verbs,
    callback=begin,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def up(
    *,
    host: Host = None,
    port: Port = None,
    otlp_port: OtlpPort = None,
    otlp_grpc_port: OtlpGrpcPort = None,
    data: Data = None,
    kafka: Kafka = None,
    clickhouse: ClickHouse = None,
    database: Database = None,
    config: File = None,
) -> None:
    """Run everything in one process: inputs, store, query API and pages."""
    flags = {"listen_host": host, "port": port, "otlp_port": otlp_port, "data": data}
    flags |= {"otlp_grpc_port": otlp_grpc_port, "kafka": kafka, "clickhouse": clickhouse, "database": database}
    _serve("up", effective(flags, config))


@app.command()
def collector(
    *,
    host: Host = None,
    port: Port = None,
    otlp_port: OtlpPort = None,
    otlp_grpc_port: OtlpGrpcPort = None,
    data: Data = None,
    kafka: Kafka = None,
    clickhouse: ClickHouse = None,
    database: Database = None,
    config: File = None,
) -> None:
    """Run the inputs and the way to the store alone."""
    flags = {"listen_host": host, "port": port, "otlp_port": otlp_port, "data": data}
    flags |= {"otlp_grpc_port": otlp_grpc_port, "kafka": kafka, "clickhouse": clickhouse, "database": database}
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


def _address(loaded: Loaded, name: str) -> Address:
    """Where setting `name` wishes to listen."""
    return Address(loaded.settings.listen_host, getattr(loaded.settings, name), loaded.given(name))


def _with_grpc(loaded: Loaded) -> tuple[Settings, str]:
    """The settings with the port that OTLP over gRPC gets, and what the address line says of it."""
    from hopline_collector.door import otlp_grpc as receivers_grpc

    if not receivers_grpc.available():
        fail(receivers_grpc.MISSING)
    port, remark = choose(_address(loaded, "otlp_grpc_port"))
    settings = replace(loaded.settings, otlp_grpc_port=port)
    return settings, f", OTLP over gRPC {grpc_address(settings.listen_host, port)}{f' ({remark})' if remark else ''}"


def _keep_private(data: Path) -> None:
    """Spans, journal and temporary files are for our own user alone, those of an earlier version too."""
    os.umask(0o077)
    for folder in (data / name for name in PRIVATE_FOLDERS):
        if folder.is_dir():
            # Another user's folder stays as it is: opening it says what is wrong with it.
            with contextlib.suppress(OSError):
                folder.chmod(0o700)


def _serve(role: Role, loaded: Loaded) -> None:
    settings = loaded.settings
    _keep_private(Path(settings.data))
    # A crash of the engine leaves the stacks of all threads in the log.
    faulthandler.enable()
    log_lines.set_up(settings.log_level, settings.log_format)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    for finding in open_secrets(settings):
        log.warning("%s: %s", finding.says, finding.advice)
    try:
        certificate = Certificate(settings.tls_cert, settings.tls_key) if settings.tls_cert else None
    except OSError as error:
        fail(error)
    sockets, lines = [], []
    over_grpc = ""
    try:
        if settings.otlp_grpc_port and role != "query":
            settings, over_grpc = _with_grpc(loaded)
        for name in ("port", "otlp_port") if role != "query" else ("port",):
            if name == "otlp_port" and not settings.otlp_port:
                continue
            socket, remark = listen(_address(loaded, name))
            sockets.append(socket)
            lines.append(f"{url(socket, tls=bool(settings.tls_cert))}{f' ({remark})' if remark else ''}")
    except PortTakenError as error:
        fail(error)
    application = _composed(role, settings, sockets[0].getsockname()[1])
    typer.echo(f"Hopline {role}: {lines[0]}" + "".join(f", OTLP {line}" for line in lines[1:]) + over_grpc)
    # Half for running requests: the blocks and queries that end after them need their share of the time.
    serve(application, sockets, shutdown_s=settings.shutdown_s / 2, certificate=certificate)


def _composed(role: Role, settings: Settings, port: int) -> "ASGIApp":
    from hopline_collector.store.errors import StoreError, StoreHeldError
    from hopline_deploy.head_start import HeadStart
    from hopline_deploy.opening import open_store

    ahead = None if settings.clickhouse or role == "query" else HeadStart(open_store(settings))
    try:
        from hopline_deploy.compose import compose

        return compose(role, settings, port)
    except (StoreHeldError, TokenError) as error:
        fail(error)
    except StoreError as error:
        fail(error, 1)
    finally:
        if ahead is not None:
            ahead.end()


commands_store.add_to(app)
commands_read.add_to(app)
commands_search.add_to(app)
commands_live.add_to(app)
commands_erase.add_to(app)
commands_mcp.add_to(app)
commands_capacity.add_to(app)
commands_backup.add_to(app)
commands_bench.add_to(app)
commands_canary.add_to(app)
commands_why.add_to(app)
commands_import.add_to(app)
commands_retention.add_to(app, commands_store.retention_app)
app.add_typer(commands_dead.app, name="dead")
app.add_typer(commands_ledger.app, name="ledger")
app.add_typer(commands_alerts.app, name="alerts")
