"""Figures of home and map beside failures: refusals, and the period before."""

from typing import Any

from ui_support import Client, Page, ShopAnswers


def test_home_draws_trends_against_the_period_before(read, answers: ShopAnswers):
    """U7: with yesterday chosen each trend has its line of then, dashed and on the same scale."""
    assert read("/").by_class("ghost") == []
    assert len(read("/?against=1d").by_class("ghost")) == 6


def test_home_shows_refusals(client: Client, answers: ShopAnswers):
    """L4: 4xx is a figure of its own: a column that opens its calls, where there are any."""
    assert "4xx" not in client.get("/").text.partition('id="services"')[2]
    plain = answers.stats
    answers.stats = lambda params=None: _with_refusals(plain(params))
    home = Page(client.get("/").text)
    links = [e.get("href") for e in home.all("a") if e.text == "17"]
    assert len(links) == 6
    assert "status_code%3E%3D400%20AND" in links[0]


def test_a_large_fleet_is_shown_in_part(client: Client, answers: ShopAnswers):
    """U9: home shows 60 of 300 services in its order and says so; all are a click away; the page stays small."""
    plain = answers.stats
    answers.stats = lambda params=None: _fleet(plain(params), 300)
    home = Page(client.get("/").text)
    assert len([e for e in home.all("tr") if e.get("data-name")]) == 60
    assert "300 services" in home.text
    assert "60" in next(e.text for e in home.by_class("more-rows"))
    assert len(home.elements) < 2_500
    every = Page(client.get("/?rows=all").text)
    assert len([e for e in every.all("tr") if e.get("data-name")]) == 300


def _fleet(stats: dict[str, Any], services: int) -> dict[str, Any]:
    entry = stats["services"][0]
    return {**stats, "services": [{**entry, "service": f"service-{at}"} for at in range(services)]}


def _with_refusals(stats: dict[str, Any]) -> dict[str, Any]:
    return {**stats, "services": [{**entry, "status_4xx": 17} for entry in stats["services"]]}


def test_the_map_says_refusals_where_little_fails(client: Client, answers: ShopAnswers):
    """L4: a box tells the share of 4xx in place of its failures where these are few."""
    graph = answers.dependencies()
    nodes = [{**node, "status_4xx": 300} for node in graph["nodes"]]
    answers.dependencies = lambda _params=None: {**graph, "nodes": nodes}
    boxes = {e.get("data-name"): e.text for e in Page(client.get("/map").text).by_class("node")}
    assert "4xx 25 %" in boxes["orders"]
    assert "failed 6.6 %" in boxes["payments"]
