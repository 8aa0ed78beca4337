"""``hopline alerts``: what is wrong now, and whether a file of rules is right and when it would have fired."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from hopline_deploy import terminal
from hopline_deploy.commands_read import SERVER_DEFAULT, Json, Server, Token, fail_remote
from hopline_deploy.options import fail
from hopline_deploy.remote import Remote, RemoteError

if TYPE_CHECKING:
    from hopline_query.alerts.rules import Rule

app: Final = typer.Typer(help="Alerts: what is wrong now, and rules tried on what is stored.", no_args_is_help=True)

_MOST_POINTS: Final = 900
_DAY_US: Final = 86_400_000_000
_HOUR_US: Final = 3_600_000_000
_DAY_HOURS: Final = 24
_SERIES: Final = frozenset({"success_rate", "qps", "p50_us", "p95_us", "p99_us", "avg_us"})


@app.command("list")
def list_alerts(*, server: Server = SERVER_DEFAULT, token: Token = "", as_json: Json = False) -> None:
    """Print the alerts. Ends with 1 when one is firing."""
    try:
        answer = Remote(server, token).get("alerts")
    except RemoteError as error:
        fail_remote(error)
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        for alert in answer["alerts"]:
            labels = " ".join(f"{name}={value}" for name, value in alert["labels"].items())
            said = f"{alert['rule']} {labels}: {alert['value']:g}, threshold {alert['threshold']:g}"
            typer.echo(terminal.printable(f"{alert['state']:<9} {terminal.clock(alert['since_us'])} {said}"))
    if any(alert["state"] == "firing" for alert in answer["alerts"]):
        raise typer.Exit(1)


@app.command("test")
def try_rules(
    file: Annotated[Path, typer.Argument(help="File with rules (TOML).")],
    *,
    server: Server = SERVER_DEFAULT,
    token: Token = "",
    as_json: Json = False,
) -> None:
    """Check a file of rules, and say when each would have fired by a server's figures. Ends with 2 for a wrong file."""
    from hopline_query.alerts.rules import RulesError, parse

    try:
        rules = parse(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, RulesError) as error:
        fail(f"{file}: {error}")
    remote = Remote(server, token)
    try:
        tried: list[dict[str, Any]] = [{"rule": rule.name, "fired": _fired(remote, rule)} for rule in rules.rules]
    except RemoteError as error:
        typer.echo(f"hopline: not tried on figures: {error}", err=True)
        tried = [{"rule": rule.name, "fired": None} for rule in rules.rules]
    if as_json:
        typer.echo(json.dumps({"valid": True, "rules": tried}))
        return
    if not tried:
        typer.echo("right; it has no rules")
    for one in tried:
        typer.echo(terminal.printable(f"{one['rule']}: {_said(one['fired'])}"))
        for firing in one["fired"] or ():
            end = terminal.clock(firing["to_us"]) if firing["to_us"] else "now"
            typer.echo(f"  {terminal.clock(firing['from_us'])} to {end}  {firing['service']}  {firing['value']:g}")


def _fired(remote: Remote, rule: "Rule") -> list[dict[str, Any]] | None:
    """Firings of the last day at most, by a service's own figures; None: no figures are kept of this measure."""
    from hopline_query.alerts.evaluator import simulate

    if rule.measure not in _SERIES or "callee" in rule.where:
        return None
    step = min(rule.windows) * 1_000_000
    now = time.time_ns() // 1_000 // step * step
    asked = {
        "from": str(max(now - _DAY_US, now - _MOST_POINTS * step)),
        "to": str(now),
        "step": f"{step // 1_000_000}s",
        "limit": "50",
    }
    asked |= {name: rule.where[name] for name in ("service", "operation", "env") if name in rule.where}
    answer = remote.get("series", asked)
    usual = _usual(remote, rule, asked)
    found: list[dict[str, Any]] = []
    valued = {str(one.get("service", "")): _values(one, rule.measure) for one in answer["series"]}
    if rule.measure == "qps":
        silent = {service for service, _ in usual} - valued.keys()
        valued |= {service: [0.0] * len(answer["times"]) for service in silent}
    for service, values in valued.items():
        points = list(zip(answer["times"], values, strict=True))
        hours = {start: usual[place] for start, _ in points if (place := (service, start // _HOUR_US)) in usual}
        found += [{"service": service, **firing} for firing in simulate(rule, points, step, hours)]
    return sorted(found, key=lambda firing: -firing["from_us"])


def _usual(remote: Remote, rule: "Rule", asked: dict[str, str]) -> dict[tuple[str, int], float]:
    """What is usual of a service at an hour (since the epoch) of the range, by the same hour of the days before."""
    from hopline_query.alerts.history import usual_of

    if not rule.against_days:
        return {}
    begin, end = int(asked["from"]) // _HOUR_US, -(-int(asked["to"]) // _HOUR_US)
    first = begin - rule.against_days * _DAY_HOURS
    answer = remote.get("series", {**asked, "from": str(first * _HOUR_US), "to": str(end * _HOUR_US), "step": "1h"})
    known = {
        (str(one.get("service", "")), start // _HOUR_US): value
        for one in answer["series"]
        for start, value, calls in zip(answer["times"], _values(one, rule.measure), one["calls"], strict=True)
        if calls and value is not None
    }
    days: list[dict[tuple[str, ...], float]] = [
        {(service, str(hour + day * _DAY_HOURS)): value for (service, hour), value in known.items()}
        for day in range(1, rule.against_days + 1)
    ]
    return {(service, int(hour)): value for (service, hour), value in usual_of(days).items()}


def _values(series: dict[str, Any], measure: str) -> list[float | None]:
    if measure == "success_rate":
        return [None if rate is None else 1.0 - rate for rate in series["error_rate"]]
    values: list[float | None] = series[measure]
    return values


def _said(fired: list[Any] | None) -> str:
    if fired is None:
        return "right; it cannot be tried on what is stored"
    times = "once" if len(fired) == 1 else f"{len(fired)} times"
    return f"right; it would have fired {times}" if fired else "right; it would not have fired"
