"""The keys of a filter that mean a field of the row: stated once, for SQL and for rows in memory."""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from hopline.model import Row

DECIMAL: Final = "[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?"
"""What counts as a number: the same pattern in Python and in the engine, whose own readings of texts differ."""

_DECIMAL: Final = re.compile(DECIMAL)


class Field(NamedTuple):
    """One key: what its values look like in a filter, and where a row has them."""

    reads: str
    """``text``, ``number``, ``duration`` or ``flag``."""
    sql: str
    """The text that is compared; of annotations those of ``a``."""
    texts: Callable[[Row], list[str]]
    """The same of a row; empty where the row has none."""
    known: str = "1"
    """SQL: whether the row has it."""
    number: str = ""
    """SQL: the number that ``>`` compares; empty for the text's."""

    @property
    def exists(self) -> str:
        """SQL of the bare key."""
        return self.sql_number if self.reads == "flag" else self.known

    @property
    def sql_number(self) -> str:
        """SQL of the number that is compared, NULL for none."""
        return self.number or decimal(self.sql)


def decimal(sql: str) -> str:
    """SQL of the number that a text is, NULL where it is none."""
    return f"if(match({sql}, '^{DECIMAL}\\\\z'), toFloat64OrNull({sql}), NULL)"


def number(text: str) -> float | None:
    """The number that a text is, None where it is none."""
    return float(text) if _DECIMAL.fullmatch(text) else None


def flag(text: str) -> str:
    """``true`` or ``false``: whatever is not a word for false is true, as in Zipkin's ``error=<text>``."""
    return "false" if text.lower() in {"false", "0", "no"} else "true"


def _text(name: str) -> Field:
    def texts(row: Row) -> list[str]:
        value = str(getattr(row, name))
        return [value] if value else []

    return Field("text", name, texts, f"{name} != ''")


FIELDS: Final = {
    **{name: _text(name) for name in ("service", "name", "kind", "instance", "host", "zone", "env", "version")},
    **{name: _text(name) for name in ("error_type", "error_text", "peer", "peer_kind", "uid", "span_id")},
    **{f"caller_{name}": _text(f"caller_{name}") for name in ("service", "instance", "zone", "name")},
    "duration": Field(
        "duration",
        "toString(duration_us)",
        lambda row: [] if row.duration_us is None else [str(row.duration_us)],
        "NOT unfinished",
        "duration_us",
    ),
    "attempt": Field("number", "toString(attempt)", lambda row: [str(row.attempt)], number="attempt"),
    "error": Field("flag", "if(error, 'true', 'false')", lambda row: ["true" if row.error else "false"], "1", "error"),
    "annotation": Field(
        "text",
        "arrayConcat(annotations.key, annotations.value)",
        lambda row: [text for _, key, value in row.annotations for text in (key, value)],
        "notEmpty(annotations)",
    ),
}
"""Every other key is a tag's, and so is ``tag.<key>``."""

UNTOLD: Final = "failed_untold"
JUDGED: Final = {
    **FIELDS,
    UNTOLD: Field(
        "text",
        "if(error AND error_text = '' AND error_type = '', 'true', '')",
        lambda row: ["true"] if row.error and not row.error_text and not row.error_type else [],
        "(error AND error_text = '' AND error_type = '')",
    ),
}
"""With what no filter can ask, other protocols can: ``true`` of a row that failed and says neither how nor why."""
