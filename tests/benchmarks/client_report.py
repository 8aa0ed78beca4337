"""The figures of the client benchmark beside their goals: as a table for the terminal, and as docs/cost.md."""

import importlib.metadata
import os
import platform
import textwrap
from typing import Any, NamedTuple

import client_ends
import client_instructions
import client_kafka
import client_tails
import client_versus

INTRODUCTION = (
    "Every figure of this page comes from one run of `make bench-client`: all cases are asked in turn, in shuffled "
    "order, and the tables show medians of {rounds} rounds. Ratios are what counts; nanoseconds belong to the machine "
    "({machine})."
)
BARE_IS = (
    "A context variable, two clock readings, an id string, an object with slots, a dictionary and a deque: no "
    "limits, links, error details or numbers that are safe between threads. CPU of the calling thread."
)
BARE = [
    ("sampled child span with 2 tags", "child", 1.5),
    ("unsampled child span with 2 tags", "child off", 1.25),
    ("decorated function, sampled", "decorated", 1.2),
    ("decorated function, unsampled", "decorated off", 1.3),
    ("root with its id and sampling decision", "root", 1.5),
]


class Figure(NamedTuple):
    """One line. ``beside`` is what it is compared with; ``unit`` formats figure and goal."""

    what: str
    ours: str
    beside: str
    figure: float
    goal: float | None
    unit: str = "{:.2f} x"
    at_least: bool = False

    @property
    def missed(self) -> bool:
        return self.goal is not None and (self.figure < self.goal if self.at_least else self.figure > self.goal)

    @property
    def asked(self) -> str:
        return "" if self.goal is None else ("at least " if self.at_least else "") + self.unit.format(self.goal)

    @property
    def verdict(self) -> str:
        return "" if self.goal is None else "missed" if self.missed else "met"


Sections = list[tuple[str, str, list[Figure]]]
"""Heading, a sentence on it, and the figures."""


def sections(answer: dict[str, Any]) -> Sections:
    """Every goal that could be measured here."""
    ns = answer["ns"]
    found: Sections = [
        (
            "Against the barest span that Python can make",
            BARE_IS,
            [
                Figure(
                    what, f"{ns[case]:,.0f} ns", f"{ns[f'bare {case}']:,.0f} ns", ns[case] / ns[f"bare {case}"], goal
                )
                for what, case, goal in BARE
            ],
        )
    ]
    if "otel child" in ns:
        shares = client_versus.ratios(ns)
        end = "ends at a real broker, whose CPU is not counted" if "ship" in ns else "ended before the network here"
        found.append((
            "Against OpenTelemetry's SDK",
            f"In a process of its own, with its batch processor and OTLP encoding and no network. Ours {end}.",
            [
                Figure(
                    what,
                    f"{client_versus.cost(ns, case):,.0f} ns",
                    f"{client_versus.cost(ns, f'otel {case}'):,.0f} ns theirs",
                    shares[what],
                    goal,
                    "{:.3f} x",
                )
                for what, case, goal in client_versus.GOALS
            ],
        ))  # fmt: skip
    found.append(("On the way out", "Per row with two short tags; a hundred rows a message.", _way_out(answer)))
    found.append(("What the process bears", "", _process(answer)))
    return found


def _way_out(answer: dict[str, Any]) -> list[Figure]:
    ns = answer["ns"]
    lines = [
        Figure("packing and encoding", "", f"{ns['bare encode']:,.0f} ns for tuples", ns["encode"], 300, "{:,.0f} ns"),
        Figure("check of the limits", "", "", ns["limits"], None, "{:,.0f} ns"),
        Figure("bytes", "", "", answer["bytes_raw"], 100, "{:.0f} B"),
        Figure("bytes after lz4", "", "", answer["bytes_lz4"], 30, "{:.0f} B"),
    ]
    if "ship" in ns:
        rate = "{:,.0f} rows/s a core"
        ready, whole = ns["ship ready"], ns["ship"]
        aim = client_kafka.GOAL
        lines += [
            Figure("kafka-python, ready messages", f"{ready:,.0f} ns", "", 1e9 / ready, aim, rate, at_least=True),
            Figure("the same from ended rows, encoding too", f"{whole:,.0f} ns", "", 1e9 / whole, None, rate),
        ]
    return lines


def _process(answer: dict[str, Any]) -> list[Figure]:
    shipped, tails, instructions = answer["shipping"], answer["tails"], answer["instructions"]
    at = f"share of a core at {round(shipped['rows_per_s'], -3):,.0f} rows/s"
    p99 = tails["p99_us"]
    lines = [
        Figure(at, f"{shipped['ns_per_row']:,.0f} ns a row", "", shipped["share_of_core"], 0.15, "{:.1%}"),
        Figure("rows dropped at that rate", "", "", shipped["queue_full"], 0, "{:.0f}"),
        Figure("memory of a row that waits", "", "", answer["memory_per_row"], 460, "{:.0f} B"),
        Figure(
            f"added p99 of a request with {client_tails.ROWS} rows while the sender ships",
            f"{p99['ours'] - p99['untraced']:.0f} us",
            f"{p99['bare'] - p99['untraced']:.0f} us bare",
            tails["added_p99"],
            client_tails.GOAL,
        ),
        Figure(
            "requests over 2 ms",
            "",
            f"{tails['over_2ms']['bare']:.3%} bare, {tails['over_2ms']['untraced']:.3%} untraced",
            tails["over_2ms"]["ours"],
            client_tails.OVER_GOAL,
            "{:.3%}",
        ),
    ]
    ends, later = answer["ends_ms"], "+{:.0f} ms"
    lines += [
        Figure(f"end of a script whose {far} is away", "", "", ends[scheme], client_ends.GOAL, later)
        for far, scheme in (("collector", "http"), ("broker", "kafka"))
    ]
    if instructions:
        lines.append(
            Figure(
                "instructions of a sampled child span",
                "",
                f"{instructions['bare']:,.0f} bare",
                instructions["ours"],
                client_instructions.GOAL,
                "{:,.0f}",
            )
        )
    return lines


def text(found: Sections) -> str:
    """For the terminal."""
    lines = []
    for heading, _, figures in found:
        lines += ["", f"{heading:62}{'ours':>14}{'beside':>28}{'':>22}{'goal':>26}"]
        lines += [
            f"  {f.what:60}{f.ours:>14}{f.beside:>28}{f.unit.format(f.figure):>22}{f.asked:>26}"
            f"{'  missed' if f.missed else ''}"
            for f in figures
        ]
    return "\n".join(lines[1:])


def page(found: Sections, rounds: int) -> str:
    """``docs/cost.md``."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("msgspec", "lz4", "kafka-python"))
    machine = f"{os.cpu_count()} cores {platform.machine()}, CPython {platform.python_version()}, {versions}"
    lines = [
        "# What tracing costs",
        "",
        "<!-- Written by `make bench-client`; change tests/benchmarks/client_report.py instead. -->",
        "",
        *textwrap.wrap(INTRODUCTION.format(rounds=rounds, machine=machine), 110),
    ]
    for heading, about, figures in found:
        lines += ["", f"## {heading}", ""]
        if about:
            lines += [*textwrap.wrap(about, 110), ""]
        lines += ["| what | figure | ours | beside | goal | |", "|---|---|---|---|---|---|"]
        for f in figures:
            cells = (f.what, f"**{f.unit.format(f.figure)}**", f.ours, f.beside, f.asked, f.verdict)
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
