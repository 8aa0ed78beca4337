"""How every verb begins and how it may end: never with a traceback for what the user or the world got wrong."""

import difflib
import errno
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.exceptions import Abort, Exit, TyperException

from hopline import __version__
from hopline import config as client
from hopline_deploy.settings import PREFIX, Settings

log = logging.getLogger(__name__)

_OTHERS: Final = frozenset({"HOPLINE_CONFIG", "HOPLINE_SERVER", "HOPLINE_KAFKA_HOME", "HOPLINE_CLICKHOUSE_HOME"})
"""Names that are read, and are settings of neither side."""

_QUIET: Final = frozenset({"HOPLINE_TEST_FULL"})


class Verbs(TyperGroup):
    """The command's verbs. What fails ends with one line on stderr and 1; usage keeps its own end, 2."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen verb."""
        try:
            return super().invoke(ctx)
        except (Abort, Exit, TyperException, SystemExit, KeyboardInterrupt):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise
            log.debug("this verb failed", exc_info=True)
            typer.echo(f"hopline: {_said(error)}", err=True)
            raise Exit(1) from None


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hopline {__version__}")
        raise Exit


def begin(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Distributed tracing for Python services."""
    del version
    for line in unknown(os.environ):
        typer.echo(f"hopline: {line}", err=True)


def unknown(environ: Mapping[str, str]) -> list[str]:
    """A line for each name of the environment that begins as ours do and is none."""
    known = {PREFIX + name.upper() for name in (*client.SETTINGS, *(field.name for field in fields(Settings)))}
    known |= _OTHERS | _QUIET
    strangers = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    return [f"there is no setting {name}{_meant(name, known)}" for name in strangers]


def _meant(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; is {near[0]} meant?" if near else ""


def _said(error: Exception) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, OSError | ValueError) and text:
        return text
    return f"{type(error).__name__}: {text}"
