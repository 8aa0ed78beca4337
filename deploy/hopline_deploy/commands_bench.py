"""``hopline bench``: what a span costs here."""

import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from hopline_deploy.commands_read import Json, Token, fail_remote
from hopline_deploy.options import fail
from hopline_deploy.remote import Remote, RemoteError

if TYPE_CHECKING:
    from hopline_deploy.bench.measure import Cost

_QUARTER: Final = 4
_COLUMNS: Final = ("source", "spans_per_s", "cpu_us", "decode_us", "block_rows", "message_bytes", "stored_bytes")


def bench(
    *,
    rate: Annotated[float, typer.Option(min=100, max=1e6, help="Spans a second of the fastest load.")] = 4_000.0,
    seconds: Annotated[float, typer.Option(min=2, max=3_600, help="How long each load lasts.")] = 12.0,
    server: Annotated[str, typer.Option(help="Look at a running Hopline and its own traffic instead.")] = "",
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Measure CPU and bytes per span, by source, and say what `hopline capacity` should assume."""
    try:
        answer = _watch(Remote(server, token), seconds) if server else _run(rate, seconds)
    except RemoteError as error:
        fail_remote(error)
    if as_json:
        typer.echo(json.dumps(answer))
        return
    typer.echo("".join(f"{name:>14}" for name in _COLUMNS))
    for cost in answer["costs"]:
        typer.echo("".join(f"{_said(cost[name]):>14}" for name in _COLUMNS))
    words = " ".join(f"--assume {name}={value:g}" for name, value in answer["assume"].items())
    typer.echo(f"\nhopline capacity --spans-per-second N {words}")


def _run(rate: float, seconds: float) -> dict[str, Any]:
    """Loads on servers of their own in temporary folders, one after the other."""
    from hopline_deploy.bench.costs import assumptions
    from hopline_deploy.bench.measure import BenchError, measure, server
    from hopline_deploy.capacity import Assumptions

    loads = (("native", rate / _QUARTER), ("native", rate), ("zipkin", rate / _QUARTER), ("otlp", rate / _QUARTER))
    try:
        costs = []
        for source, spans in loads:
            # Each begins with an empty store: bytes of others would be merged into its own.
            with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as remote:
                costs.append(measure(remote, source, spans, seconds))
    except BenchError as error:
        fail(error, 1)
    found = asdict(assumptions(costs[0], costs[1], Assumptions()))
    changed = {name: value for name, value in found.items() if value != getattr(Assumptions(), name)}
    return {"costs": [asdict(cost) for cost in costs], "assume": changed}


def _watch(remote: Remote, seconds: float) -> dict[str, Any]:
    """A running collector between two looks; its CPU is the store's too where it has the engine inside."""
    from hopline_deploy.bench.measure import Cost
    from hopline_deploy.bench.meter import read

    before, began = read(remote), time.monotonic()
    time.sleep(seconds)
    after = read(remote)
    used, took = after.since(before), time.monotonic() - began
    if not used.rows:
        raise RemoteError(f"no span was stored in {took:.0f} s: take more --seconds, or send some")
    cost = Cost(
        source="all",
        spans=int(used.rows),
        spans_per_s=round(used.rows / took, 1),
        cpu_us=round(used.cpu_s / used.rows * 1e6, 2),
        decode_us=None,
        block_rows=round(used.rows / max(used.blocks, 1.0), 1),
        message_bytes=round(used.message_bytes / used.rows, 1),
        stored_bytes=None,
    )
    return {"costs": [asdict(cost)], "assume": _watched(cost)}


def _watched(cost: "Cost") -> dict[str, float]:
    """All CPU as the span's own, at this rate: the blocks' part cannot be told apart by one load."""
    return {"collector_cpu_us": cost.cpu_us, "store_cpu_us": 0.001, "block_cpu_ms": 0.001}


def _said(value: str | float | None) -> str:
    return "" if value is None else value if isinstance(value, str) else f"{value:,.1f}"


def add_to(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command()(bench)
