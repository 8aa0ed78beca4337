"""Dragging over the scatter, the heatmap, the charts and the map."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from ui_support import TRACE_ID, Served


def dragged(page: Any, selector: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    x, y, width, height = (box[name] for name in ("x", "y", "width", "height"))
    page.mouse.move(x + width * start[0], y + height * start[1])
    page.mouse.down()
    page.mouse.move(x + width * end[0], y + height * end[1], steps=5)
    page.mouse.up()


def query(page: Any) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def test_scatter_brush_lists_those_traces(page: Any, shop: Served):
    """U3: a rectangle becomes a range of time and duration; the rest of the search stays."""
    page.goto(shop.url + "/search?service=orders")
    dragged(page, "#scatter", (0.4, 0.2), (0.7, 0.6))
    page.wait_for_url("**min_duration**")
    asked = query(page)
    assert asked["service"] == "orders"
    assert int(asked["from"]) < int(asked["to"])
    assert int(asked["min_duration"].removesuffix("us")) < int(asked["max_duration"].removesuffix("us"))


def test_a_point_of_the_scatter_opens_its_trace(page: Any, shop: Served):
    """U3: a click on a point leads to that trace."""
    page.goto(shop.url + "/search")
    # The newest point stands at the right edge, the shortest at the bottom.
    box = page.locator("#scatter").bounding_box()
    page.mouse.click(box["x"] + box["width"] - 25, box["y"] + 124)
    page.wait_for_url("**/trace/**")


def test_heatmap_brush_opens_those_traces(page: Any, shop: Served):
    """L5: a brushed rectangle is a search for that service, those minutes, that latency."""
    page.goto(shop.url + "/service/orders?operation=POST%20%2Fcheckout")
    dragged(page, "#heat", (0.5, 0.3), (0.7, 0.5))
    page.wait_for_url("**/search**")
    asked = query(page)
    assert asked["service"] == "orders"
    assert asked["operation"] == "POST /checkout"
    assert int(asked["to"]) - int(asked["from"]) == 60_000_000 * round(
        (int(asked["to"]) - int(asked["from"])) / 60_000_000
    )
    assert asked["min_span_duration"].endswith("us")


def test_chart_drag_zooms_the_range(page: Any, shop: Served):
    """U7: dragging over a chart makes that the page's range."""
    page.goto(shop.url + "/service/orders")
    page.wait_for_selector("#chart-rate .u-over")
    dragged(page, "#chart-rate .u-over", (0.3, 0.5), (0.6, 0.5))
    page.wait_for_url("**from=1**")
    assert int(query(page)["from"]) < int(query(page)["to"])


def test_map_boxes_can_be_moved_and_stay(page: Any, shop: Served):
    """U6: a dragged box stays where it was put, also after a reload, until the layout is reset."""
    page.goto(shop.url + "/map")
    box = page.locator("#map [data-name=reports] .card").bounding_box()
    page.mouse.move(box["x"] + 80, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 180, box["y"] + 60, steps=5)
    page.mouse.up()
    assert "/map" in page.url
    assert "node=" not in page.url
    moved = page.locator("#map [data-name=reports] .card").bounding_box()
    assert moved["x"] > box["x"] + 60
    page.reload()
    page.wait_for_selector("#map-reset:visible")
    assert abs(page.locator("#map [data-name=reports] .card").bounding_box()["x"] - moved["x"]) < 2
    page.click("#map-reset")
    page.wait_for_selector("#map-reset", state="hidden")
    assert abs(page.locator("#map [data-name=reports] .card").bounding_box()["x"] - box["x"]) < 2


def test_map_finds_and_zooms(page: Any, shop: Served):
    """U6: a search dims the rest; zooming changes size only; a click on a node opens its panel."""
    page.goto(shop.url + "/map")
    page.fill("#map-find", "pay")
    assert page.locator("#map .node:not(.dim)").count() == 1
    width = page.locator("#map").bounding_box()["width"]
    page.click("#zoom-in")
    assert page.locator("#map").bounding_box()["width"] > width
    page.click("#zoom-fit")
    page.fill("#map-find", "")
    page.click("#map [data-name=orders]")
    page.wait_for_selector(".node-panel")
    assert "Used by" in page.inner_text(".node-panel")


def test_edge_leads_to_its_traces(page: Any, shop: Served):
    """U6: a click on an edge lists the traces of that call."""
    page.goto(shop.url + "/map")
    page.locator("#map [data-key='orders→payments']").press("Enter")
    page.wait_for_url("**/search?from=now-15m&caller=orders&callee=payments")


def test_paste_box_leads_to_the_trace(page: Any, shop: Served):
    """U2: an id pasted into the box of any page opens that trace."""
    page.goto(shop.url + "/system")
    page.fill("#trace-box", TRACE_ID)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/trace/{TRACE_ID}")
    page.wait_for_selector("#grid[data-ready]")
