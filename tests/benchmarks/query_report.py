"""The figures of the read benchmark beside their goals and floors: for the terminal, and as docs/speed.md."""

import os
import platform
import statistics
import textwrap
from dataclasses import dataclass, field

from query_data import Data

INTRODUCTION = (
    "Every figure of this page comes from one run of `make bench-query`: whole answers over one kept-alive HTTP "
    "connection to `hopline up` in a process of its own, {spans} spans in {traces} traces of 200 services over {hours} "
    "h, their rows interleaved, every question with other ids and values each time. Milliseconds, p50 / p95 "
    "({machine})."
)
FLOOR = (
    "The floor is what the engine takes alone, on a handle of its own in the same run: a bare SELECT of the same rows "
    "by primary key for a trace, a statement that does nothing elsewhere. The ratio is p50 to floor."
)
AGAIN = (
    "Nothing comes in meanwhile. Figures, names, the map and a trace that was asked for before are then asked of the "
    "store once and remembered for at most 5 s, so their p50 is that of a second look and their p95 nearer a first "
    "one; where spans come in all the time, expect the p95."
)


@dataclass(frozen=True, slots=True)
class Goal:
    """Milliseconds on 20 M spans; 0 = none."""

    p50: float
    p95: float = 0
    floor: str = "empty"
    unit: str = "ms"


GOALS = {
    "/health/live": Goal(1.5),
    "trace by id, 30 spans": Goal(12, 30, "trace"),
    "trace by id, 30 spans, still arriving": Goal(25, 60, "trace"),
    "the same trace again": Goal(5),
    "10,000 spans: timeline": Goal(250, 0, "trace of 10000"),
    "10,000 spans: whole tree": Goal(500, 0, "trace of 10000"),
    "10,000 spans: Zipkin JSON": Goal(300, 0, "trace of 10000"),
    "trace of 100,000 spans, first window": Goal(2_000, 0, "trace of 100000"),
    "memory of that, MB more": Goal(400, 0, "", "MB"),
    "a user over all services, page of 20": Goal(40, 90),
    "service, 1 h": Goal(30, 80),
    "service and operation, 1 h": Goal(30, 80),
    "tag, 24 h": Goal(30, 80),
    "newest 20": Goal(30, 80),
    "slowest 20 of the busiest service, 1 h": Goal(30),
    "slowest 20 of the busiest service, 24 h": Goal(60),
    "two terms with OR and NOT, 24 h": Goal(70, 150),
    "duration over a bound, service, 1 h": Goal(0),
    "all services with p999, 1 h": Goal(15),
    "all services with p999, 24 h": Goal(35),
    "map, 24 h, 200 services, 2,000 edges": Goal(60, 150),
    "services": Goal(4, 10),
    "span names of a service": Goal(4, 10),
    "heatmap of the busiest service, 24 h": Goal(60),
    "instances of a service, 24 h": Goal(0),
    "series of a service, 24 h": Goal(0),
    "the system's own state": Goal(0),
}


@dataclass(slots=True)
class Measured:
    """What one store answered: name of a question -> milliseconds of each answer."""

    data: Data
    floors: dict[str, float]
    taken: dict[str, list[float]] = field(default_factory=dict)


def text(found: dict[str, Measured]) -> str:
    """For the terminal."""
    lines = []
    for kind, measured in found.items():
        lines += ["", f"{kind}: {measured.data.spans:,} spans, made in {measured.data.seconds:.0f} s"]
        lines += [f"  {'':44}{'p50':>9}{'p95':>9}{'goal':>13}{'floor':>9}{'ratio':>7}"]
        for name, goal in GOALS.items():
            p50, p95 = _figures(measured.taken[name])
            floor = measured.floors.get(goal.floor, 0)
            ratio = f"{p50 / floor:.1f}" if floor else ""
            asked = _goal(goal)
            lines.append(
                f"  {name:44}{p50:>9.1f}{p95:>9.1f}{asked:>13}{floor:>9.1f}{ratio:>7} {_verdict(goal, p50, p95)}"
            )
    return "\n".join(lines[1:])


def page(found: dict[str, Measured], hours: int) -> str:
    """``docs/speed.md``."""
    spans = next(iter(found.values())).data.spans
    machine = (
        f"{os.cpu_count()} cores {platform.machine()}, CPython {platform.python_version()}, shared with other work"
    )
    values = {"spans": f"{spans:,}", "traces": f"{spans // 10:,}", "hours": hours, "machine": machine}
    lines = ["# How fast reading is", ""]
    lines += ["<!-- Written by `make bench-query`; change tests/benchmarks/query_report.py instead. -->", ""]
    lines += textwrap.wrap(INTRODUCTION.format(**values), 110)
    for text in (FLOOR, AGAIN):
        lines += ["", *textwrap.wrap(text, 110)]
    headings = {"embedded": "The embedded engine", "server": "A ClickHouse server"}
    for kind, measured in found.items():
        lines += ["", f"## {headings[kind]}", "", "| what | p50 | p95 | goal on 20 M spans | floor | ratio | |"]
        lines += ["|---|---|---|---|---|---|---|", *(_line(measured, name, goal) for name, goal in GOALS.items())]
    return "\n".join(lines) + "\n"


def _line(measured: Measured, name: str, goal: Goal) -> str:
    p50, p95 = _figures(measured.taken[name])
    floor = measured.floors.get(goal.floor, 0)
    told = (f"{floor:.1f}", f"{p50 / floor:.1f} x") if floor else ("", "")
    cells = (name, f"**{p50:.1f}**", f"{p95:.1f}", _goal(goal), *told, _verdict(goal, p50, p95))
    return f"| {' | '.join(cells)} |"


def _figures(taken: list[float]) -> tuple[float, float]:
    return statistics.median(taken), statistics.quantiles(taken, n=20)[-1] if len(taken) > 1 else taken[0]


def _goal(goal: Goal) -> str:
    unit = "" if goal.unit == "ms" else f" {goal.unit}"
    return "" if not goal.p50 else f"{goal.p50:g}{f' / {goal.p95:g}' if goal.p95 else ''}{unit}"


def _verdict(goal: Goal, p50: float, p95: float) -> str:
    if not goal.p50:
        return ""
    return "missed" if p50 > goal.p50 or (goal.p95 and p95 > goal.p95) else "met"
