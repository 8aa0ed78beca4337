"""Options that several verbs share, and how they become settings."""

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from hopline_deploy import settings as table
from hopline_deploy.settings import Loaded, SettingsError

Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(help="Pages, query API, Zipkin and native input [9411].")]
OtlpPort = Annotated[int | None, typer.Option(help="OTLP over HTTP [4318].")]
OtlpGrpcPort = Annotated[int | None, typer.Option(help="OTLP over gRPC, such as 4317 [off].")]
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
