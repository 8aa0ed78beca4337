"""Colours: contrast and distinctness."""

import re
from pathlib import Path

import pytest

import hopline_ui
from hopline_ui.palette import COLOURS, colours

CSS = (Path(hopline_ui.__file__).parent / "static" / "css" / "tokens.css").read_text()
TOKENS = {name: pair for name, *pair in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", CSS)}


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("ground", ["bg", "panel", "raised", "sunken"])
@pytest.mark.parametrize("ink", ["text", "muted", "accent", "ok", "slow", "warn", "error"])
def test_text_can_be_read(ink: str, ground: str, theme: int):
    """U11: every text colour is 4.5:1 or better on every ground, in both themes."""
    assert contrast(TOKENS[ink][theme], TOKENS[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [("error", "error-soft"), ("warn", "warn-soft"), ("accent", "accent-soft"), ("on-accent", "accent")],
)
def test_text_on_its_own_ground_can_be_read(ink: str, ground: str, theme: int):
    """U11: badges, notices and chosen controls."""
    assert contrast(TOKENS[ink][theme], TOKENS[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("number", range(COLOURS))
def test_service_colours_stand_out(number: int, theme: int):
    """U4: every service colour is a mark of 3:1 or better on its panel."""
    assert contrast(TOKENS[f"svc-{number}"][theme], TOKENS["panel"][theme]) >= 3


def test_colours_are_distinct_values():
    """U4: twenty colours are twenty values, in each theme."""
    assert len({TOKENS[f"svc-{n}"][0] for n in range(COLOURS)}) == COLOURS
    assert len({TOKENS[f"svc-{n}"][1] for n in range(COLOURS)}) == COLOURS


def test_below_twenty_services_no_two_share_a_colour():
    """U4: and the same services have the same colours in any order."""
    names = [f"service-{n}" for n in range(COLOURS)]
    chosen = colours(names)
    assert len(set(chosen.values())) == COLOURS
    assert colours(reversed(names)) == chosen


def test_more_services_than_colours_share_them():
    """U4: the twenty-first service has a colour too."""
    assert set(colours(f"s{n}" for n in range(50)).values()) == set(range(COLOURS))
