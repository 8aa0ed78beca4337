"""A1 on the page: what fires, its figure over time, its calls; in both languages, without rules too."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopline_query.errors import StoreUnavailableError
from hopline_ui.drawing import threshold_chart
from ui_support import Client, ShopAnswers, page_app
from ui_support.alerts import FIRING, LOST, SLOW, WINDOW, Rules


class Away(Rules):
    def open(self) -> dict[str, Any]:
        raise StoreUnavailableError("the store does not answer")


def client_of(rules: Rules | None) -> Client:
    answers = ShopAnswers()
    answers.alerts = rules
    return Client(page_app(answers))


def test_an_alert_shows_its_figure_its_chart_and_its_calls():
    """A1: the value beside the threshold, the chart with both, the traces behind the link, and "Why?"."""
    text = client_of(Rules(FIRING, SLOW)).get("/alerts").text
    first = text.partition("checkout fails")[2].partition("orders are slow")[0]
    assert "93.4 %" in first
    assert "99.8 %" in first
    assert first.count('class="level"') == 1
    assert f"/search?service=payments&amp;entry=true&amp;errors=true&amp;{WINDOW.replace('&', '&amp;')}" in first
    assert "/why?service=payments" in first
    assert first.count('class="trace-link"') == 3
    assert "402 ms" in text.partition("orders are slow")[2]


def test_an_edge_and_callers_have_their_chart():
    """A1: what is judged by callers is drawn as they see it: the series that is asked for has the ends of the link."""
    asked: list[dict[str, str]] = []

    class Asked(ShopAnswers):
        def series(self, params: Mapping[str, str]) -> dict[str, Any]:
            asked.append(dict(params))
            return super().series(params)

    edge = {**SLOW, "rule": "charging is slow", "labels": {"caller": "orders", "callee": "payments"}}
    edge["link"] = f"/search?caller=orders&callee=payments&env=prod&{WINDOW}"
    seen = {**FIRING, "rule": "callers fail", "link": f"/search?callee=payments&errors=true&{WINDOW}"}
    answers = Asked()
    answers.alerts = Rules(edge, seen)
    text = Client(page_app(answers)).get("/alerts").text
    assert text.count('class="level"') == 2
    ends = [{name: value for name, value in params.items() if name not in {"from", "to"}} for params in asked]
    assert ends == [{"caller": "orders", "callee": "payments", "env": "prod"}, {"callee": "payments"}]


SHARES = st.floats(0, 1) | st.sampled_from([0.0, 5e-324, 1.0 - 2**-53, 1.0])


@given(st.lists(SHARES | st.none(), min_size=2, max_size=20), SHARES)
def test_no_chart_of_a_share_goes_beyond_the_whole(values: list[float | None], threshold: float):
    """A1: the scale reaches over all values and the threshold, with room around them, but never above 100 %."""
    chart = threshold_chart(range(len(values)), values, threshold, 0, 1.0)
    known = [value for value in values if value is not None]
    assert (chart is None) == (len(known) < 2)
    if chart:
        assert 0 <= chart["low"] <= min(*known, threshold)
        assert max(*known, threshold) <= chart["high"] <= 1


def test_home_says_what_fires():
    """A1: a firing alert stands above all figures of the home page; one that is pending does not."""
    assert "1 alert is firing" in client_of(Rules(FIRING, SLOW)).get("/").text
    assert "firing" not in client_of(Rules(SLOW)).get("/").text


def test_what_counts_no_calls_leads_to_the_system_page():
    """A1: lost rows have no traces and no series; the page still tells them."""
    text = client_of(Rules(LOST)).get("/alerts").text
    assert "rows are lost" in text
    assert 'class="level"' not in text


@pytest.mark.parametrize(("language", "words"), [("en", "No rules are set"), ("zh-CN", "尚未设置规则")])
def test_without_rules_the_page_says_how_to_write_one(language: str, words: str):
    """U11: an empty page is a beginning."""
    text = client_of(None).get(f"/alerts?lang={language}").text
    assert words in text
    assert "[[rule]]" in text


def test_rules_that_cannot_be_judged_are_told():
    """R2: what is wrong with the file stands on the page."""
    assert (
        "alerts.toml: no field servcie" in client_of(Rules(trouble="alerts.toml: no field servcie")).get("/alerts").text
    )


def test_a_store_that_is_away_breaks_no_other_page():
    """R2: home goes on without its line; the page of alerts says what is wrong."""
    client = client_of(Away())
    assert client.get("/").status_code == 200
    assert client.get("/alerts").status_code == 503
