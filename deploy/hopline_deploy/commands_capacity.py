"""``hopline capacity``: how large an installation must be."""

import json
from dataclasses import asdict, replace
from typing import Annotated

import typer

from hopline_deploy.capacity import Assumptions, failures, plan
from hopline_deploy.options import fail


def capacity(
    *,
    spans_per_second: Annotated[float, typer.Option(help="Spans (rows) a second, at the busiest.")],
    days: Annotated[float, typer.Option(help="Days that traces are kept.")] = 7.0,
    assume: Annotated[
        list[str] | None, typer.Option(help="NAME=NUMBER of an assumption, such as stored_bytes=90; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Say what a load needs, and what that rests on."""
    try:
        assumptions = _assumed(assume or [])
        found = plan(spans_per_second, days, assumptions)
        outcomes = failures(found, spans_per_second, assumptions)
    except (ValueError, ZeroDivisionError) as error:
        fail(error)
    if as_json:
        told = {name: asdict(outcome) for name, outcome in outcomes.items()}
        typer.echo(json.dumps(found.answer(assumptions) | {"failures": told}))
        return
    for name, value in asdict(found).items():
        typer.echo(f"{name:<20}{_said(name, value):>16}")
    typer.echo("\nsimulated:")
    for name, outcome in outcomes.items():
        after = "never" if outcome.caught_up_s is None else f"after {outcome.caught_up_s:,} s"
        typer.echo(f"  {name:<24}{outcome.behind_s:>9,} s behind at most, up to date again {after}")
    typer.echo("\nassumed (change with --assume NAME=NUMBER):")
    for name, value in asdict(assumptions).items():
        typer.echo(f"  {name:<24}{value:>16,}")


def _assumed(words: list[str]) -> Assumptions:
    values = asdict(Assumptions())
    for word in words:
        name, _, text = word.partition("=")
        if name not in values:
            raise ValueError(f"--assume: there is no {name!r}: use {', '.join(values)}")
        try:
            number = type(values[name])(text)
        except ValueError:
            raise ValueError(f"--assume {name}: {text!r} is no number") from None
        if not 0 < number < 1e18:
            raise ValueError(f"--assume {name}: {text} is out of range")
        values[name] = number
    return replace(Assumptions(), **values)


def _said(name: str, value: float) -> str:
    return f"{value / 1e9:,.1f} GB" if name.endswith("_bytes") else f"{value:,}"


def add_to(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command()(capacity)
