"""From a figure that looks wrong to what explains it: charts, the heatmap and version marks lead to "Why?"."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from hopline.model import Row
from hopline_query.store.memory import MemoryReader
from support.shops import Call, rows_of
from ui_support import NOW, Served, serve
from ui_support.shop_rows import shop_app

SECOND = 1_000_000
CALLS = 300
SECOND_VERSION = 200
"""The call from which on version 2 answers: one every two seconds."""


def _checkout(at: int) -> list[Row]:
    """Tenant 17 waits long for its stock; version 2 calls a service that version 1 did not know."""
    tenant = "17" if at % 10 == 0 else str(at % 9)
    took = 900_000 if tenant == "17" else 4_000 + at % 700
    new = at >= SECOND_VERSION
    promo = [Call("promo", "GET /offers", took + 10, 2_000)] if new else []
    stock = Call("stock", "POST /reserve", 5, took)
    more = {"version": "2" if new else "1"}
    whole = took + 5_000
    root = Call("gateway", "POST /checkout", 0, whole, [stock, *promo], "server", tags={"tenant": tenant}, more=more)
    return rows_of(root, at + 1, NOW - (CALLS - at) * 2 * SECOND)


@pytest.fixture(scope="module")
def shop_of_tenants() -> Iterator[Served]:
    with serve(None, shop_app(MemoryReader([row for at in range(CALLS) for row in _checkout(at)]))) as served:
        yield served


def query(page: Any) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def dragged(page: Any, selector: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    place = page.locator(selector)
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    page.mouse.move(box["x"] + box["width"] * start[0], box["y"] + box["height"] * start[1])
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end[0], box["y"] + box["height"] * end[1], steps=6)
    page.mouse.up()


def opened(page: Any, served: Served) -> None:
    page.goto(served.url + "/service/gateway")
    page.wait_for_selector("#chart-latency .u-over")


def test_from_a_corner_of_the_heatmap_to_the_tenant_takes_two_clicks(page: Any, shop_of_tenants: Served):
    """Y2: "Why?" for dragged areas, then the slow corner; the first sentence names the tenant."""
    opened(page, shop_of_tenants)
    page.click("#drag button[value=why]")
    dragged(page, "#heat", (0.1, 0.02), (0.995, 0.3))
    page.wait_for_url("**/why?**")
    assert query(page)["min_span_duration"].endswith("us")
    assert "gateway tenant = 17" in page.inner_text("section[aria-labelledby=why-differs]")


def test_from_a_version_mark_to_the_call_that_it_added_takes_one_click(page: Any, shop_of_tenants: Served):
    """Y4: the mark of version 2 compares it with what was before; the added call is named."""
    opened(page, shop_of_tenants)
    mark = page.locator("#chart-latency .chart-mark", has_text="2")
    assert "version 2" in mark.get_attribute("title")
    mark.click()
    page.wait_for_url("**/why?**")
    asked = query(page)
    assert asked["version"] == "2"
    assert int(asked["base_from"]) < int(asked["base_to"]) == int(asked["from"])
    assert "promo GET /offers" in page.inner_text("section[aria-labelledby=why-worse]")


def test_a_dragged_stretch_of_a_chart_is_explained_against_the_rest(page: Any, shop_of_tenants: Served):
    """Y2: the stretch is the range, the longer part beside it the base; of the errors' chart its failures."""
    opened(page, shop_of_tenants)
    page.click("#drag button[value=why]")
    assert "drag=why" in page.url
    dragged(page, "#chart-errors .u-over", (0.6, 0.5), (0.9, 0.5))
    page.wait_for_url("**/why?**")
    asked = query(page)
    assert (asked["service"], asked["errors"]) == ("gateway", "true")
    assert int(asked["base_from"]) < int(asked["base_to"]) == int(asked["from"]) < int(asked["to"])


def test_what_a_dragged_area_does_stays_in_the_address(page: Any, shop_of_tenants: Served):
    """U1: a page opened by its address does the same with a dragged area."""
    page.goto(shop_of_tenants.url + "/service/gateway?drag=why")
    assert page.get_attribute("#drag button[value=why]", "aria-pressed") == "true"
