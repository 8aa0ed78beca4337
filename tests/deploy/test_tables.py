"""Tables of the verbs, at any width of the terminal."""

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from hopline_deploy.tables import print_table
from hopline_deploy.terminal import printable

WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Mn", "Me", "Cf")), max_size=60
)


def printed(width: int, heads: list[str], rows: list[list[object]], **more: object) -> list[str]:
    """The lines of a table in a terminal of `width` cells."""
    file = io.StringIO()
    print_table(Console(file=file, width=width, highlight=False), heads, rows, **more)
    return file.getvalue().splitlines()


@given(
    width=st.integers(20, 120),
    heads=st.lists(st.text("abc", min_size=1, max_size=12), min_size=1, max_size=8, unique=True),
    values=st.lists(WORDS, min_size=8, max_size=24),
    whole=st.integers(0, 8),
)
def test_no_line_is_wider_than_the_terminal_and_nothing_is_lost(width, heads, values, whole):
    """A8: at 40 columns as at 80, whatever the texts: all of each value is there, in its order."""
    rows = [values[place : place + len(heads)] for place in range(0, len(values) - len(heads) + 1, len(heads))]
    lines = printed(width, heads, rows, whole=heads[:whole])
    assert max(map(cell_len, lines)) <= width
    told = "".join(lines)
    for value in (value for row in rows for value in row):
        assert not set(printable(value)) - set(told), value
    if cell_len("".join(heads)) + 2 * len(heads) + 60 * len(heads) < width:
        assert len(lines) == 1 + len(rows)


def test_columns_that_have_no_room_beside_each_other_are_named_in_each_row():
    """A8: a row of seven figures at 40 cells; a caption is broken at its words."""
    heads, row = (
        ["shape", "traces", "p50", "p99", "failed", "", "what"],
        ["c0ffee", 12, "1.2 ms", None, 0, "new", "GET /"],
    )
    assert printed(80, heads, [row])[1].split() == ["c0ffee", "12", "1.2", "ms", "-", "0", "new", "GET", "/"]
    lines = printed(40, heads, [row, row], caption="24 traces, compared with 36 of the hour before")
    assert lines[0].startswith("shape c0ffee   traces 12")
    assert lines[1].startswith("  ")
    assert [line.strip() for line in lines[-2:]] == ["24 traces, compared with 36 of the hour", "before"]
