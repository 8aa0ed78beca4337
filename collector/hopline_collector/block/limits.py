"""The one table of limits, and the functions that bring text within them.

A value over its limit is cut, never refused; the row is marked in its tag
``hopline.cut`` and the reason is counted.
"""

import re
from dataclasses import dataclass
from typing import Final

DAY_US: Final = 86_400_000_000
OLDEST_US: Final = 7 * DAY_US
"""How far back a start may lie from arrival."""
NEWEST_US: Final = 600_000_000
"""How far ahead of arrival a start may lie."""
KEPT_OLDEST_US: Final = 946_684_800_000_000
"""The year 2000: how old a start may be in a message that keeps its times."""
KEPT_DAYS: Final = 31
"""Days that one such message may touch: each is a partition of every table."""
DURATION_MAX_US: Final = DAY_US

TAGS_MAX: Final = 64
ANNOTATIONS_MAX: Final = 128
LINKS_MAX: Final = 128
CHILDREN_MAX: Final = 2**32 - 1
ATTEMPT_MAX: Final = 2**16 - 1

KEY_BYTES: Final = 128
VALUE_BYTES: Final = 2_048
ATTR_BYTES: Final = 8_192

CUT_TAG: Final = "hopline.cut"
SOURCE_START_TAG: Final = "source.start_us"
"""The start as it was sent, 0 = none, of a row whose start was corrected or moved."""
SOURCE_DURATION_TAG: Final = "source.duration_us"
"""The duration as it was sent, of a row whose duration was none."""

EMPTY: Final = "empty_text"
"""The mark of a row that came without a name."""

REASON: Final = re.compile(r"[a-z_]{1,32}")
"""A reason among those of :data:`CUT_TAG`."""

UNKNOWN: Final = "unknown"
"""Stands for an empty service or name."""

MESSAGE_BYTES: Final = 20 * 1024 * 1024
"""Largest body, inflated."""
ROWS_PER_MESSAGE: Final = 200_000


@dataclass(frozen=True, slots=True)
class TextLimit:
    """How many bytes of UTF-8 a text column may hold."""

    column: str
    max_bytes: int
    required: bool = False
    """Empty becomes :data:`UNKNOWN`."""
    lines: bool = False
    """May have several lines, and blanks at its ends; all others are names."""


TEXT_LIMITS: Final = (
    TextLimit("service", 128, required=True),
    TextLimit("name", 256, required=True),
    TextLimit("instance", 128),
    TextLimit("host", 128),
    TextLimit("zone", 64),
    TextLimit("env", 64),
    TextLimit("version", 64),
    TextLimit("error_type", 128),
    TextLimit("error_text", VALUE_BYTES, lines=True),
    TextLimit("caller_service", 128),
    TextLimit("caller_instance", 128),
    TextLimit("caller_zone", 64),
    TextLimit("caller_name", 256),
    TextLimit("peer", 256),
    TextLimit("uid", 256),
)

LIMIT_OF: Final = {limit.column: limit for limit in TEXT_LIMITS}

PATH_CHARACTERS: Final = 160
"""Longer paths are not kept: the tree derives one from the parents."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: str) -> str:
    """``text`` without control characters (tab, line feed and return stay) and lone surrogates."""
    return _CONTROL.sub("", text)


_BREAKS: Final = re.compile("[\t\n\r\x0b\x0c\x85\u2028\u2029]+")


def one_line(text: str) -> str:
    """A name as people can type it: line breaks and tabs are one blank, and none stands at its ends."""
    return _BREAKS.sub(" ", text).strip()


def is_one_line(text: str) -> bool:
    """Whether :func:`one_line` would change nothing."""
    return text == text.strip() and (text.isprintable() or _BREAKS.search(text) is None)


def is_clean(text: str) -> bool:
    """Whether :func:`clean` would change nothing; fast for long printable text."""
    return text.isprintable() or _CONTROL.search(text) is None


def cut(text: str, max_bytes: int) -> str:
    """The longest beginning of ``text`` with at most ``max_bytes`` bytes of UTF-8, characters whole."""
    if len(text) * 4 <= max_bytes:
        return text
    raw = text.encode("utf-8", "replace")
    if len(raw) <= max_bytes:
        return text
    return raw[:max_bytes].decode("utf-8", "ignore")


def fit(text: str, max_bytes: int, *, lines: bool = True) -> tuple[str, str]:
    """``text`` as rows keep it, and the reason of the last change, empty where it fits; a name without ``lines``."""
    fitted, reason = text, ""
    if not is_clean(text):
        fitted, reason = clean(text), "control_characters"
    if not lines and not is_one_line(fitted):
        fitted, reason = one_line(fitted), "not_one_line"
    shorter = cut(fitted, max_bytes)
    if shorter != fitted:
        fitted, reason = shorter if lines else shorter.rstrip(), "text_too_long"
    return fitted, reason


def stored_text(column: str, text: str) -> str:
    """``text`` as rows keep it in a column of :data:`TEXT_LIMITS`; as it is for any other."""
    limit = LIMIT_OF.get(column)
    return text if limit is None else fit(text, limit.max_bytes, lines=limit.lines)[0]
