"""A trace as a waterfall in the terminal, and search results, as wide as there is room.

Ids, times, durations and bars always stand whole: where the width ends, names are cut, and where it is narrower
still, what did not fit moves to a line of its own.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.cells import cell_len
from rich.text import Text

TIME_CELLS: Final = 9
_LEAST_NAME_CELLS: Final = 24
"""Narrower than this a name says nothing: it gets a line of its own."""

_DEEPEST_INDENT: Final = 20

Answer = Mapping[str, Any]


def duration(us: int | None) -> str:
    """``820 us``, ``12.3 ms``, ``1.24 s``; a dash for unknown."""
    if us is None:
        return "-"
    if us < 1_000:
        return f"{us} us"
    if us < 1_000_000:
        return f"{us / 1_000:.3g} ms"
    return f"{us / 1_000_000:.4g} s"


def clock(us: int) -> str:
    """``2026-11-22 18:00:00Z``."""
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(us / 1_000_000))


def printable(text: str) -> str:
    """Stored text without what would steer the terminal or turn the reading direction around."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def waterfall(trace: Answer, width: int) -> list[Text]:
    """The lines of ``GET /traces/{id}``: a header, a bar per call, remarks; `width` is in cells."""
    rows = list(_preorder(trace["roots"]))
    bar = bar_cells(width)
    ids = max((cell_len(_id(node, depth)) for node, depth in rows), default=0)
    names = width - ids - TIME_CELLS - bar - 3
    start, whole = trace["start_us"], max(trace["extent_us"], 1)
    lines = [Text(line, "bold") for line in header(trace, width)]
    for node, depth in rows:
        style = "red" if node["error"] else "dim" if node["placeholder"] else ""
        beam = _bar(node["start_us"] - start, node["duration_us"], whole, bar)
        figures = Text.assemble(f"{duration(node['duration_us']):>{TIME_CELLS}} ", (beam, style or "green"))
        name = _name(node, style)
        if names >= _LEAST_NAME_CELLS:
            cells = (_padded(Text(_id(node, depth), style), ids), _padded(name, names), figures)
            lines.append(Text(" ").join(cells))
            continue
        lines += _tall(Text(_id(node, depth), style), figures, name, width)
    return [*lines, *_remarks(trace)]


def header(trace: Answer, width: int) -> list[str]:
    """The whole id, then what the trace is, in as many lines of `width` cells as that takes."""
    after = trace["after_us"]
    parts = [
        printable(f"{trace['service']} {trace['name']}"),
        duration(trace["duration_us"]) + (f", +{duration(after)} after the answer" if after > 0 else ""),
        f"{trace['spans']} span{'' if trace['spans'] == 1 else 's'}, {trace['received']} of {trace['expected']} calls",
        trace["state"],
        *([f"{trace['errors']} failed"] if trace["errors"] else []),
        clock(trace["start_us"]),
    ]
    return [trace["trace_id"], *_filled(parts, width)]


def results(answer: Answer, width: int) -> list[Text]:
    """The traces of a search: a line each where it fits, else two or three; then how many there are."""
    lines: list[Text] = []
    for trace in answer["traces"]:
        failure = trace["failure"]
        entry = Text(printable(f"{trace['service']} {trace['name']}"))
        if failure:
            entry.append(printable(f"  {failure['service']}: {failure['error_type']}"), "red")
        figures = f"{clock(trace['start_us'])} {duration(trace['duration_us']):>{TIME_CELLS}} {trace['spans']:>5}"
        ids = trace["trace_id"]
        room = width - len(ids) - len(figures) - 4
        if room >= _LEAST_NAME_CELLS:
            lines.append(Text(f"{ids}  {figures}  ").append_text(_padded(entry, room)))
        elif room >= 0:
            lines += [Text(f"{ids}  {figures}"), Text("  ").append_text(_cut(entry, width - 2))]
        else:
            lines += [Text(ids), Text(f"  {figures}"), Text("  ").append_text(_cut(entry, width - 2))]
    shown, count = len(answer["traces"]), answer["count"]
    lines.append(Text(f"{shown} of {count}{'' if answer['count_exact'] else '+'} traces", "dim"))
    if answer.get("next_cursor"):
        lines.append(Text(f"next page: --cursor {answer['next_cursor']}", "dim"))
    return lines


def bar_cells(width: int) -> int:
    """How many cells of a line are the bar's."""
    return 40 if width >= 120 else 20 if width >= 80 else 10


def _tall(ids: Text, figures: Text, name: Text, width: int) -> list[Text]:
    """One call where its name has no room beside the rest."""
    room = width - cell_len(figures.plain) - 1
    above = [_padded(ids, room).append(" ").append_text(figures)] if ids.cell_len <= room else [ids, figures]
    return [*above, Text("  ").append_text(_cut(name, width - 2))]


def _filled(parts: Sequence[str], width: int) -> list[str]:
    lines: list[str] = []
    for part in parts:
        if lines and cell_len(lines[-1]) + 2 + cell_len(part) <= width:
            lines[-1] += f"  {part}"
        else:
            lines.append(part)
    return lines


def _preorder(roots: Sequence[Answer]) -> Iterator[tuple[Answer, int]]:
    waiting = [(node, 0) for node in reversed(roots)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting += [(child, depth + 1) for child in reversed(node["children"])]


def _id(node: Answer, depth: int) -> str:
    return "  " * min(depth, _DEEPEST_INDENT) + printable(node["span_id"] or "?")


def _name(node: Answer, style: str) -> Text:
    if node["placeholder"]:
        return Text("(not received)", style)
    failure = f"  {node['error_type']}" if node["error"] and node["error_type"] else ""
    service = Text(printable(node["service"] or node["peer"] or ""), "cyan")
    return service.append(" ").append(printable(f"{node['name']}{failure}"), style)


def _padded(text: Text, cells: int) -> Text:
    text.truncate(cells, overflow="ellipsis", pad=True)
    return text


def _cut(text: Text, cells: int) -> Text:
    text.truncate(max(cells, 1), overflow="ellipsis")
    return text


def _bar(offset: int, length: int | None, whole: int, cells: int) -> str:
    left = min(max(offset * cells // whole, 0), cells - 1)
    filled = max((length or 0) * cells // whole, 1)
    return " " * left + "█" * min(filled, cells - left)


def _remarks(trace: Answer) -> list[Text]:
    remarks = [Text(printable(f"{w['code']}: {w['message']}"), "yellow") for w in trace["warnings"]]
    if trace["missing"]:
        remarks.append(Text(printable(f"missing: {', '.join(trace['missing'][:20])}"), "yellow"))
    return remarks
