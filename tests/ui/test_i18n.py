"""The two catalogues say the same things."""

import json
import re
from pathlib import Path

import pytest

import hopline_ui
from hopline_ui.i18n import LANGUAGES, catalogue, negotiate

PACKAGE = Path(hopline_ui.__file__).parent
WORDS = {language: catalogue(language).words for language in LANGUAGES}
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def test_catalogues_have_the_same_keys():
    """U11: no page falls back to a key in one of the languages."""
    assert set(WORDS["en"]) == set(WORDS["zh-CN"])


def test_placeholders_match():
    """U11: a translation fills the same figures in."""
    for key, text in WORDS["en"].items():
        assert set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(WORDS["zh-CN"][key])), key


def test_every_key_that_a_template_names_exists():
    """U11: keys written out in templates and modules are in the catalogue."""
    templates = "".join(path.read_text() for path in (PACKAGE / "templates").iterdir())
    modules = "".join(path.read_text() for path in (PACKAGE / "static" / "js").iterdir())
    named = {key for key in re.findall(r'\bt[n]?\("([\w.]+)"[,)]', templates) if not key.endswith(".")}
    named |= {f"js.{key}" for key in re.findall(r'\bt\("([\w.]+)"', modules)}
    assert named - set(WORDS["en"]) == set()


def test_files_are_sorted_so_that_changes_read_well():
    """U11: catalogues are kept in order of their keys."""
    for language in LANGUAGES:
        text = (PACKAGE / "locales" / f"{language}.json").read_text(encoding="utf-8")
        keys = list(json.loads(text))
        assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("asked", "cookie", "accept", "language"),
    [
        (None, None, None, "en"),
        (None, None, "zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        (None, None, "fr, en;q=0.4, zh;q=0.6", "zh-CN"),
        (None, "en", "zh", "en"),
        ("zh-Hans", "en", "en", "zh-CN"),
        ("xx", None, "zh;q=0", "en"),
        (None, None, "zh;q=x, " + "a" * 9_000, "en"),
    ],
)
def test_language_is_asked_for_then_kept_then_accepted(asked, cookie, accept, language):
    """U11: the address wins over the cookie, the cookie over the browser's wish."""
    assert negotiate(asked, cookie, accept) == language


def test_counts_choose_their_form():
    """U11: one error, two errors."""
    assert catalogue("en").tn("trace.errors", 1) == "1 error"
    assert catalogue("en").tn("trace.errors", 1_200) == "1,200 errors"
