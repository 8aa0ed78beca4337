"""Live pages: news every few seconds without moving anything."""

from typing import Any

from support import wait_until
from ui_support import Served, ShopAnswers, serve


def test_home_refreshes_in_place(page: Any, quick: Served):
    """U1: new figures come without losing scroll, focus, or what was typed."""
    page.set_viewport_size({"width": 1280, "height": 500})
    page.goto(quick.url + "/")
    page.fill("#filter", "pay")
    page.evaluate("window.scrollTo(0, 60)")
    page.evaluate("window.firstRow = document.querySelector('#services tr[data-name=payments]')")
    stats = quick.service.stats({})
    stats["total"]["calls"] = 4_242_424
    quick.service.stats = lambda _params: stats
    page.wait_for_selector(".figures :text('4,242,424')")
    assert page.evaluate("document.activeElement.id") == "filter"
    assert page.input_value("#filter") == "pay"
    assert page.evaluate("window.scrollY") == 60
    assert page.evaluate("window.firstRow === document.querySelector('#services tr[data-name=payments]')")
    assert page.locator("#services tbody tr:visible").count() == 1


def test_a_server_that_is_away_leaves_the_old_figures_marked(chromium: Any, quick: Served):
    """U1: what was there stays, with a mark, until the server answers again."""
    chromium.goto(quick.url + "/")
    chromium.route("**/*", lambda route: route.abort())
    chromium.wait_for_selector("[data-stale]:visible")
    assert "84.1" in chromium.inner_text("main")
    chromium.unroute("**/*")
    chromium.wait_for_selector("[data-stale]", state="hidden")


def test_a_fixed_range_is_left_alone(page: Any, quick: Served):
    """U2: only a range that ends now is asked for again."""
    page.goto(quick.url + "/map?from=1763799000000000&to=1763800000000000")
    asked = len(quick.service.asked)
    page.goto(quick.url + "/map")
    wait_until(lambda: len(quick.service.asked) >= asked + 3, 30)
    page.goto(quick.url + "/map?live=0")
    assert page.get_attribute("#live", "aria-checked") == "false"
    assert page.get_attribute("#updated", "data-live") == "0"


def test_map_stands_still_while_figures_change(page: Any, quick: Served):
    """U6: a refresh changes figures on the map and moves no box."""
    page.goto(quick.url + "/map")
    where = "[...document.querySelectorAll('#map .node > g')].map((g) => g.getAttribute('transform')).join()"
    before = page.evaluate(where)
    graph = quick.service.dependencies({})
    for node in graph["nodes"]:
        node["qps_in"] = 777.0
    graph["nodes"].reverse()
    graph["edges"].reverse()
    quick.service.dependencies = lambda _params: graph
    page.wait_for_selector("#map :text('777/s')")
    assert page.evaluate(where) == before


def test_charts_take_new_figures(page: Any, quick: Served):
    """U7: the charts are fed again, not drawn anew."""
    page.goto(quick.url + "/service/orders")
    page.wait_for_selector("#chart-latency canvas")
    page.evaluate("window.first = document.querySelector('#chart-latency canvas')")
    series = quick.service.series({"service": "orders"})
    series["series"][0]["qps"] = [9_999.0] * 60
    quick.service.series = lambda _params: series
    wait_until(lambda: "9999" in page.text_content("#chart"), 30)
    assert page.evaluate("window.first === document.querySelector('#chart-latency canvas')")


def test_the_filter_finds_services_that_the_page_does_not_hold(page: Any):
    """U1: home holds the first 60 services; typing finds the others, and clearing the box brings the first back."""
    service = ShopAnswers()
    entry = service.stats()["services"][0]
    fleet = [{**entry, "service": f"service-{at}", "impact": 1 - at / 300} for at in range(300)]
    plain = service.stats
    service.stats = lambda params=None: {**plain(params), "services": fleet}
    with serve(service) as served:
        page.goto(served.url + "/")
        assert page.locator("#services tbody tr").count() == 60
        page.fill("#filter", "vice-299")
        page.wait_for_selector("#services tr[data-name=service-299]")
        assert page.locator("#services tbody tr").count() == 1
        assert "q=vice-299" in page.evaluate("location.search")
        page.fill("#filter", "")
        page.wait_for_selector("#services tr[data-name=service-0]")
        assert page.locator("#services tbody tr").count() == 60
