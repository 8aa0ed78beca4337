"""The one parser of durations and times, shared by the API and the pages."""

import re
from datetime import UTC, datetime

from hopline_query.errors import BadRequestError

UNITS = {"us": 1, "µs": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "min": 60_000_000}
UNITS |= {"h": 3_600_000_000, "d": 86_400_000_000, "w": 604_800_000_000}

DURATION = re.compile(r"(\d{1,18}(?:\.\d{1,9})?|\.\d{1,9})\s*([a-zµ]*)", re.ASCII | re.IGNORECASE)
NOW = re.compile(r"now(?:\s*-\s*(.+))?", re.IGNORECASE)
LATEST_US = 4_291_747_199_999_999
"""The last microsecond of the year 2105: the store's times end a month later."""


def parse_duration(text: str, field: str | None = None) -> int:
    """Microseconds from ``500us``, ``1.5ms``, ``2s``, ``1m30s``; a bare number is microseconds.

    Raises :class:`BadRequestError` that names the column of the trouble.
    """
    rest = text.strip()
    total, place = 0, text.find(rest)
    if not rest:
        raise BadRequestError("expected a duration such as 250ms", field=field, column=1)
    while place < len(text.rstrip()):
        found = DURATION.match(text, place)
        unit = found[2].lower() if found else ""
        if found is None or (unit and unit not in UNITS):
            column = place + 1 if found is None else found.start(2) + 1
            raise BadRequestError(f"expected a duration such as 250ms, not {text!r}", field=field, column=column)
        total += round(float(found[1]) * UNITS.get(unit, 1)) if "." in found[1] else int(found[1]) * UNITS.get(unit, 1)
        place = found.end()
        while place < len(text) and text[place] == " ":
            place += 1
    if total > LATEST_US:
        raise BadRequestError("the duration is too long", field=field, column=1)
    return total


_DIGITS_OF_MILLISECONDS = 13


def parse_time(text: str, now_us: int, field: str | None = None) -> int:
    """Microseconds since the epoch from a number of them, RFC 3339, ``now`` or ``now-15m``.

    13 digits, which as microseconds would be of early 1970, are milliseconds, as Grafana's links have them.
    A date without a zone is UTC. Raises :class:`BadRequestError`.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        value = int(text[:20]) * (1_000 if len(text) == _DIGITS_OF_MILLISECONDS and text[0] != "0" else 1)
    elif relative := NOW.fullmatch(text):
        value = now_us - (parse_duration(relative[1], field) if relative[1] else 0)
    else:
        value = _rfc3339(text, field)
    if not 0 <= value <= LATEST_US:
        raise BadRequestError("the time lies outside the years 1970 to 2105", field=field, column=1)
    return value


def _rfc3339(text: str, field: str | None) -> int:
    # A plus sign that was not percent-encoded arrives as a blank.
    repaired = re.sub(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$", r"\1+\2", text)
    try:
        value = datetime.fromisoformat(repaired)
        value = value if value.tzinfo else value.replace(tzinfo=UTC)
        since = value - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        message = f"expected microseconds, RFC 3339 or now-15m, not {text[:64]!r}"
        raise BadRequestError(message, field=field, column=1) from None
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
