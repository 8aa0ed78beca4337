"""The verbs of ``hopline``: those that run servers stand here, the others join at the end."""

import faulthandler
import logging
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer

from hopline_deploy import commands_dead, commands_import, commands_read, commands_retention, commands_store
from hopline_deploy.access import TokenError
from hopline_deploy.broker import BrokerError
from hopline_deploy.demo import launcher
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
from hopline_deploy.server import Address, PortTakenError, choose, grpc_address, listen, serve, url
from hopline_deploy.settings import Loaded, Role, Settings

app: Final = typer.Typer(
    help="Distributed tracing for Python services.",
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
    return Address(loaded.settings.listen_host, getattr(loaded.settings, name), loaded.given_by_flag(name))


def _with_grpc(loaded: Loaded) -> tuple[Settings, str]:
    """The settings with the port that OTLP over gRPC gets, and what the address line says of it."""
    from hopline_collector import receivers_grpc

    if not receivers_grpc.available():
        fail(receivers_grpc.MISSING)
    port, remark = choose(_address(loaded, "otlp_grpc_port"))
    settings = replace(loaded.settings, otlp_grpc_port=port)
    return settings, f", OTLP over gRPC {grpc_address(settings.listen_host, port)}{f' ({remark})' if remark else ''}"


def _serve(role: Role, loaded: Loaded) -> None:
    from hopline_collector.store.errors import StoreError, StoreHeldError
    from hopline_deploy.compose import compose

    settings = loaded.settings
    # A crash of the engine leaves the stacks of all threads in the log.
    faulthandler.enable()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
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
    try:
        application = compose(role, settings)
    except (StoreHeldError, TokenError) as error:
        fail(error)
    except StoreError as error:
        fail(error, 1)
    typer.echo(f"Hopline {role}: {lines[0]}" + "".join(f", OTLP {line}" for line in lines[1:]) + over_grpc)
    tls = (settings.tls_cert, settings.tls_key) if settings.tls_cert else None
    # Half for running requests: the blocks and queries that end after them need their share of the time.
    serve(application, sockets, shutdown_s=settings.shutdown_s / 2, tls=tls)


commands_store.add_to(app)
commands_read.add_to(app)
commands_import.add_to(app)
commands_retention.add_to(app, commands_store.retention_app)
app.add_typer(commands_dead.app, name="dead")
