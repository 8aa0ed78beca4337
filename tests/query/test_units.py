"""Durations and times."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_query.errors import BadRequestError
from hopline_query.units import parse_duration, parse_time

NOW = 1_763_800_000_000_000


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("500us", 500),
        ("500", 500),
        ("1.5ms", 1_500),
        (" 2 s ", 2_000_000),
        ("1m30s", 90_000_000),
        ("7d", 604_800_000_000),
        (".5s", 500_000),
        ("250MS", 250_000),
        ("3µs", 3),
    ],
)
def test_durations(text, microseconds):
    """Q2: one parser of durations, with units."""
    assert parse_duration(text) == microseconds


@pytest.mark.parametrize(("text", "column"), [("", 1), ("fast", 1), ("5 parsecs", 3), ("-5s", 1), ("9" * 18 + "d", 1)])
def test_bad_durations_name_the_column(text, column):
    """Q2: the error names the field and the column."""
    with pytest.raises(BadRequestError) as caught:
        parse_duration(text, "min_duration")
    assert (caught.value.field, caught.value.column) == ("min_duration", column)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1763800000000", 1_763_800_000_000_000),
        ("0763800000000", 763_800_000_000),
        ("1763800000123456", 1_763_800_000_123_456),
        ("now", NOW),
        ("now-15m", NOW - 900_000_000),
        ("2025-11-22T08:26:40Z", 1_763_800_000_000_000),
        ("2025-11-22T16:26:40.5+08:00", 1_763_800_000_500_000),
        ("2025-11-22T16:26:40 08:00", 1_763_800_000_000_000),
        ("2025-11-22T08:26:40", 1_763_800_000_000_000),
        ("2025-11-22", 1_763_769_600_000_000),
    ],
)
def test_times(text, microseconds):
    """Q8: microseconds, RFC 3339 and times relative to now."""
    assert parse_time(text, NOW) == microseconds


@given(st.text(max_size=30))
def test_no_text_crashes(text):
    """R2: whatever is typed is a time, a duration or a bad request."""
    for parse in (parse_duration, lambda value: parse_time(value, NOW)):
        with contextlib.suppress(BadRequestError):
            assert parse(text) >= 0
