"""A trace as a waterfall in the terminal, and search results as a table."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

BAR_CELLS: Final = 40

Answer = Mapping[str, Any]


def duration(us: int | None) -> str:
    """``820 us``, ``12.3 ms``, ``1.24 s``; a dash for unknown."""
    if us is None:
        return "-"
    if us < 1_000:
        return f"{us} us"
    if us < 1_000_000:
        return f"{us / 1_000:.3g} ms"
    return f"{us / 1_000_000:.3g} s"


def clock(us: int) -> str:
    """``2026-11-22 18:00:00Z``."""
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(us / 1_000_000))


def waterfall(trace: Answer) -> RenderableType:
    """The tree of ``GET /traces/{id}`` with a bar per call."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=False)
    table.add_column("span", no_wrap=True)
    table.add_column("service", style="cyan", no_wrap=True)
    table.add_column("operation", overflow="ellipsis", max_width=40, no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    start, whole = trace["start_us"], max(trace["duration_us"] or 0, 1)
    for node, depth in _preorder(trace["roots"]):
        style = "red" if node["error"] else "dim" if node["placeholder"] else ""
        table.add_row(
            Text("  " * min(depth, 20) + (node["span_id"] or "?"), style),
            node["service"] or node["peer"] or "",
            Text(_label(node), style),
            duration(node["duration_us"]),
            Text(_bar(node["start_us"] - start, node["duration_us"], whole), style or "green"),
        )
    return Group(Text(header(trace), "bold"), table, *_remarks(trace))


def header(trace: Answer) -> str:
    """``orders POST /orders  1.24 s  58 spans, 31 of 33 calls  incomplete``."""
    parts = [
        f"{trace['service']} {trace['name']}",
        duration(trace["duration_us"]),
        f"{trace['rows']} spans, {trace['received']} of {trace['expected']} calls",
        trace["state"],
        clock(trace["start_us"]),
    ]
    return "  ".join(parts)


def results(answer: Answer) -> RenderableType:
    """The traces of a search, one per line."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("start", "trace", "entry", "time", "spans", "failed in"):
        justify: Literal["left", "right"] = "right" if name in {"time", "spans"} else "left"
        # A shortened id cannot be copied.
        table.add_column(name, justify=justify, no_wrap=True, min_width=32 if name == "trace" else None)
    for trace in answer["traces"]:
        failure = trace["failure"]
        table.add_row(
            clock(trace["start_us"]),
            trace["trace_id"],
            f"{trace['service']} {trace['name']}",
            duration(trace["duration_us"]),
            str(trace["spans"]),
            Text(f"{failure['service']}: {failure['error_type']}", "red") if failure else "",
        )
    shown, count = len(answer["traces"]), answer["count"]
    return Group(table, Text(f"{shown} of {count}{'' if answer['count_exact'] else '+'} traces", "dim"))


def _preorder(roots: Sequence[Answer]) -> Iterator[tuple[Answer, int]]:
    waiting = [(node, 0) for node in reversed(roots)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting += [(child, depth + 1) for child in reversed(node["children"])]


def _label(node: Answer) -> str:
    if node["placeholder"]:
        return "(not received)"
    failure = f"  {node['error_type']}" if node["error"] and node["error_type"] else ""
    return f"{node['name']}{failure}"


def _bar(offset: int, length: int | None, whole: int) -> str:
    left = min(max(offset * BAR_CELLS // whole, 0), BAR_CELLS - 1)
    cells = max((length or 0) * BAR_CELLS // whole, 1)
    return " " * left + "█" * min(cells, BAR_CELLS - left)


def _remarks(trace: Answer) -> list[Text]:
    remarks = [Text(f"{w['code']}: {w['message']}", "yellow") for w in trace["warnings"]]
    if trace["missing"]:
        remarks.append(Text(f"missing: {', '.join(trace['missing'][:20])}", "yellow"))
    return remarks
