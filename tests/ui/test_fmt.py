"""Figures as people read them."""

import json
from pathlib import Path

import pytest

from hopline_ui import fmt

VECTORS = json.loads((Path(__file__).parent / "fmt_vectors.json").read_text())
CASES = [(name, value, text) for name, cases in VECTORS.items() for value, text in cases]


@pytest.mark.parametrize(("name", "value", "text"), CASES)
def test_figures_have_units_and_three_digits(name: str, value: float | None, text: str):
    """U1: durations, counts, rates and shares read alike on every page."""
    assert getattr(fmt, name)(value) == text


def test_a_share_is_never_rounded_to_all_or_nothing():
    """U1: one failure in a million calls is not 100 %, and not 0 % either."""
    assert fmt.share(1 - 1e-6) == ">99.99 %"
    assert fmt.share(1e-6) == "<0.01 %"


@pytest.mark.parametrize("us", [-1, 0, 253_402_300_800_000_000, 10**30])
def test_times_that_no_calendar_has_do_not_break_a_page(us: int):
    """T17: years before 1970 and after 9999 are shown at the edge of what can be said."""
    assert fmt.stamp(us)
    assert fmt.iso(us).endswith("Z")


def test_sizes():
    """U8: bytes on disk."""
    assert [fmt.size(v) for v in (None, 812, 4_210, 81_200_000, 1.1e12)] == [
        fmt.NONE,
        "812 B",
        "4.21 kB",
        "81.2 MB",
        "1.1 TB",
    ]
