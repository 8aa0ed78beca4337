"""Tables sorted by the address, so that a sorted table can be linked and needs no script."""

from collections.abc import Sequence

from hopline_ui.service import Answer


def ordered(entries: list[Answer], sort: str, columns: Sequence[str], *, name: str = "service") -> list[Answer]:
    """Entries by ``sort``: a column's largest first, ``-column`` its smallest first, names from A.

    Entries without a value come last, equal ones by name; an unknown column is the last of ``columns``.
    """
    column = sort.removeprefix("-")
    by_name = sorted(entries, key=lambda entry: str(entry[name]))
    if column == name:
        return by_name[::-1] if sort.startswith("-") else by_name
    column = column if column in columns else columns[-1]
    sign = 1 if sort.startswith("-") else -1
    return sorted(by_name, key=lambda entry: (entry[column] is None, sign * (entry[column] or 0)))
