"""Figures as people read them: durations, counts, rates, shares, times.

``static/js/fmt.js`` has the same functions; both are tested on the vectors of
``tests/ui/fmt_vectors.json``. A value that is not there is an en dash.
"""

from datetime import UTC, datetime
from typing import Final

NONE: Final = "–"  # noqa: RUF001 -- the en dash is the mark for "no value"

_UNITS: Final = ((1_000, "µs", 1), (1_000_000, "ms", 1_000), (60_000_000, "s", 1_000_000))


def duration(us: float | None) -> str:
    """Three significant digits and a unit: ``820 µs``, ``48.2 ms``, ``1.24 s``, ``2 min 05 s``, ``3 h 20 min``."""
    if us is None:
        return NONE
    if us < 0:
        return "−" + duration(-us)  # noqa: RUF001 -- the minus sign
    for limit, unit, scale in _UNITS:
        text = _three(us / scale)
        if us < limit and float(text) * scale < limit:
            return f"{text} {unit}"
    seconds = round(us / 1_000_000)
    if seconds < 3_600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _three(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f}"
    text = f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"
    return text.rstrip("0").rstrip(".")


def count(value: float | None) -> str:
    """A whole number with thousands separators."""
    return NONE if value is None else f"{round(value):,}"


def rate(value: float | None) -> str:
    """Calls per second: ``0.003``, ``0.42``, ``84.1``, ``1,204``."""
    if value is None:
        return NONE
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    if value == 0 or value >= 0.01:
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return f"{value:.3f}" if value >= 0.001 else "<0.001"


def share(value: float | None) -> str:
    """A fraction in per cent. Never rounds a value below 1 up to ``100 %``, nor one above 0 down to ``0 %``."""
    if value is None:
        return NONE
    percent = value * 100
    if percent in (0, 100):
        return f"{percent:.0f} %"
    if percent < 0.01:
        return "<0.01 %"
    if percent < 100 and round(percent, 2) >= 100:
        return ">99.99 %"
    text = f"{percent:.2f}" if percent < 10 or percent > 90 else f"{percent:.1f}"
    return f"{text.rstrip('0').rstrip('.')} %"


def size(value: float | None) -> str:
    """Bytes in powers of 1,000: ``812 B``, ``4.2 kB``, ``1.1 GB``."""
    if value is None:
        return NONE
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:
            return f"{amount:.0f} B" if unit == "B" else f"{_three(amount)} {unit}"
        amount /= 1_000
    return f"{_three(amount)} TB"


def short_path(path: str) -> str:
    """A path past eight levels by its last three numbers."""
    parts = path.split(".")
    return "…" + ".".join(parts[-3:]) if len(parts) > 9 else path


def moment(us: int) -> datetime:
    """UTC time of microseconds since the epoch, kept within what a date can say."""
    return datetime.fromtimestamp(min(max(us, 0), 253_402_300_799_000_000) / 1_000_000, UTC)


def iso(us: int) -> str:
    """RFC 3339 in UTC with milliseconds, for ``<time datetime>``."""
    return moment(us).strftime("%Y-%m-%dT%H:%M:%S.") + f"{us // 1_000 % 1_000:03d}Z"


def clock(us: int) -> str:
    """``12:04:31.204``, UTC."""
    return moment(us).strftime("%H:%M:%S.") + f"{us // 1_000 % 1_000:03d}"


def stamp(us: int) -> str:
    """``2026-11-22 12:04:31``, UTC."""
    return moment(us).strftime("%Y-%m-%d %H:%M:%S")


def day(us: int) -> str:
    """``2026-11-22``, UTC."""
    return moment(us).strftime("%Y-%m-%d")
