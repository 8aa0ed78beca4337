"""One range on all pages: carried by every link, marked where it is bad, stepped by its own length."""

from urllib.parse import parse_qs, urlsplit

import pytest

from hopline_ui.pages.service import chart
from hopline_ui.problems import FORMS
from hopline_ui.render import steps
from ui_support import NOW, Client, Page


@pytest.mark.parametrize("path", ["/", "/map", "/service/orders"])
def test_links_carry_the_range_that_is_shown(path: str, read):
    """U2: figures never open a list of another range, though the address named none."""
    shown = "now-1h" if path.startswith("/service") else "now-15m"
    page = read(path)
    links = [e.get("href") or "" for e in page.all("a")]
    others = tuple(start for start in ("/search", "/service/", "/trace/", "/users/") if not path.startswith(start))
    inside = [link for link in links if link.startswith(others)]
    assert inside
    begins = {parse_qs(urlsplit(link).query).get("from", [""])[0] for link in inside}
    assert begins <= {shown, str(NOW - 900_000_000)}


@pytest.mark.parametrize(("lang", "words"), [("en", "Expected a time"), ("zh-CN", "应为时间")])
@pytest.mark.parametrize("path", ["/", "/map", "/search", "/service/orders", "/users/u-1"])
def test_a_bad_range_is_marked_and_the_page_stays(path: str, lang: str, words: str, over_store: Client):
    """U2: the picker shows what was asked and what is wrong with it, in the page's language; the page stands."""
    answer = over_store.get(f"{path}?from=yesterday&to=now&lang={lang}")
    page = Page(answer.text)
    assert answer.status_code == 400
    assert words in page.text
    field = page.one("input", name="from", aria_invalid="true")
    assert field.get("value") == "yesterday"
    assert page.one("h1")


def test_steps_are_as_long_as_the_range():
    """U2: one step back ends where the range begins; zooming out keeps its middle."""
    found = steps((1_000, 1_600))
    assert found == {"back": (400, 1_000), "on": (1_600, 2_200), "out": (700, 1_900)}
    assert steps(None) is None


def test_range_steps_stand_in_the_picker(read):
    """U2: back and forward by one range; a live page offers no step into the future."""
    page = read("/map?from=now-15m")
    assert page.one("a", rel="prev").get("href") == f"/map?from={NOW - 1_800_000_000}&to={NOW - 900_000_000}"
    assert not page.all("a", rel="next")
    assert read(f"/map?from={NOW - 10}&to={NOW}").one("a", rel="next")


def test_every_form_of_an_error_has_its_words(client: Client):
    """U2: each message that is known by its form stands in both catalogues."""
    from hopline_ui.i18n import LANGUAGES, catalogue

    for language in LANGUAGES:
        for _, key in FORMS:
            assert catalogue(language).words[f"error.{key}"]


def test_the_filling_slot_and_the_day_before_are_drawn_apart():
    """U7: a slot that still fills never bends the line; yesterday's figures stand at today's times."""
    series = {
        name: [1.0, 2.0, 0.5] for name in ("qps", "error_rate", "avg_us", "p50_us", "p95_us", "p99_us", "p999_us")
    }
    answer = {"times": [10, 20, 30], "step_us": 10, "versions": [], "filling": [False, False, True], "series": [series]}
    before = {**answer, "times": [-90, -80, -70]}
    drawn = chart(answer, before, 100)
    assert drawn["qps"] == [1.0, 2.0, None]
    assert drawn["filling"]["qps"] == [None, 2.0, 0.5]
    assert drawn["ghost"]["times"] == drawn["times"]
    assert chart(answer)["ghost"] is None


def test_charts_can_be_drawn_against_yesterday(client: Client, answers):
    """U7: the same series is asked for a day back, and the choice stays on links."""
    asked = []
    series = answers.series
    answers.series = lambda params: asked.append(dict(params)) or series(params)
    page = Page(client.get("/service/orders?against=1d").text)
    first, second = asked
    assert int(second["to"]) < NOW - 80_000_000_000
    assert {k: v for k, v in first.items() if k not in {"from", "to"}} == {
        k: v for k, v in second.items() if k not in {"from", "to"}
    }
    assert any("against=1d" in (e.get("href") or "") for e in page.all("a"))
