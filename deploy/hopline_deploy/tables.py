"""Tables in the terminal, as wide as there is room: no line is wider than the terminal."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hopline_deploy.terminal import printable

_BROKEN_CELLS: Final = 24
"""A column that may be broken into lines has at least so many cells, or all that it needs."""

_GAP: Final = 2
_APART: Final = 3


def print_table(
    console: Console,
    heads: Sequence[str],
    rows: Iterable[Sequence[Any]],
    caption: str = "",
    *,
    whole: Collection[str] = (),
) -> None:
    """Rows below their heads; where they have no room beside each other, each value behind its head's name.

    ``None`` is shown as a dash. ``caption`` is a sentence below. The columns ``whole`` are not broken into lines.
    """
    cells = [[printable("-" if value is None else str(value)) for value in row] for row in rows]
    sizes = [max(map(cell_len, column)) for column in zip(heads, *cells, strict=True)]
    least = [size if head in whole else min(size, _BROKEN_CELLS) for head, size in zip(heads, sizes, strict=True)]
    if sum(least) + _GAP * (len(least) - 1) <= console.width:
        table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False)
        for head, size, least_cells in zip(heads, sizes, least, strict=True):
            table.add_column(Text(head), no_wrap=size == least_cells, overflow="fold", min_width=least_cells)
        for row in cells:
            table.add_row(*map(Text, row))
        console.print(table)
    else:
        for line in _tall(console, heads, cells):
            console.print(line)
    if caption:
        console.print(Text(caption, "italic"))


def _tall(console: Console, heads: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[Text]:
    """Each row in as many lines as it takes, all but the first indented; only a long value is broken."""
    room = max(console.width - _GAP, 1)
    for row in cells:
        filled: list[Text] = []
        for head, cell in ((head, cell) for head, cell in zip(heads, row, strict=True) if cell):
            said = Text(f"{head} " if head else "", "bold").append(cell, "not bold")
            if filled and filled[-1].cell_len + _APART + said.cell_len <= room:
                filled[-1].append(" " * _APART).append_text(said)
            else:
                filled.append(said)
        lines = [line for said in filled for line in said.wrap(console, room, overflow="fold")]
        yield from (Text(" " * _GAP if place else "").append_text(line) for place, line in enumerate(lines))
