"""The map at any size: names that can be read, none over another, what fails in sight."""

from collections.abc import Iterator
from typing import Any

import pytest

from ui_support import Served, ShopAnswers, serve
from ui_support.graph import large_graph

LABELS = """() => [...document.querySelectorAll('#map text')]
  .filter((text) => getComputedStyle(text).display !== 'none' && text.textContent.trim())
  .map((text) => {
    const box = text.getBoundingClientRect();
    const { a } = text.getScreenCTM();
    const size = parseFloat(getComputedStyle(text).fontSize) * a;
    return { text: text.textContent.trim(), name: text.matches('.name, .far-name'), size,
      x: box.x, y: box.y, right: box.right, bottom: box.bottom };
  })"""


OUTSIDE = """() => [...document.querySelectorAll('#map .node')].filter((node) =>
    Number(node.querySelector('.name').getAttribute('x')) + node.querySelector('.name').getComputedTextLength()
      > node.querySelector('.card').width.baseVal.value)
  .map((node) => node.querySelector('.name').textContent)"""
"""Names that reach beyond their boxes."""


class Large(ShopAnswers):
    def __init__(self, services: int) -> None:
        super().__init__()
        self.graph = large_graph(services)

    def dependencies(self, params: Any = None) -> dict[str, Any]:
        return self.graph


@pytest.fixture(params=[6, 40, 300])
def sized(request: pytest.FixtureRequest) -> Iterator[tuple[Served, int]]:
    with serve(Large(request.param)) as served:
        yield served, request.param


def covering(labels: list[dict[str, Any]]) -> list[tuple[str, str]]:
    found = []
    for at, one in enumerate(labels):
        for other in labels[at + 1 :]:
            across = min(one["right"], other["right"]) - max(one["x"], other["x"])
            down = min(one["bottom"], other["bottom"]) - max(one["y"], other["y"])
            if across > 1 and down > 3:  # ascenders and descenders of lines above each other
                found.append((one["text"], other["text"]))
    return found


def test_names_can_be_read_at_every_size_and_zoom(sized: tuple[Served, int], page: Any):
    """U6: no text under 9 px, no two over each other, no two names alike, zoomed in or out."""
    served, _ = sized
    for view in ("hot", "groups", "all"):
        page.goto(f"{served.url}/map?show={view}")
        page.wait_for_selector("#map")
        for clicks in (0, 2, -3):
            for _ in range(abs(clicks)):
                page.click("#zoom-in" if clicks > 0 else "#zoom-out")
            labels = page.evaluate(LABELS)
            assert labels
            assert min(label["size"] for label in labels) >= 8.95, (view, clicks)
            assert covering(labels) == [], (view, clicks)
            names = [label["text"] for label in labels if label["name"]]
            assert len(names) == len(set(names)), (view, clicks)


def test_names_of_broad_letters_stay_in_their_boxes(page: Any):
    """U6: a name is cut by the room that it takes, not by the number of its letters."""
    graph = large_graph(12)
    broad = [
        "W" * 14,
        "<script>{{7*7}}&{{8*8}}</script>",
        "支付服务支付服务支付",
        "MAMMOTH-WAREHOUSE",
        "@@@@@@@@@@@@@@@@",
    ]
    renamed = dict(zip((node["name"] for node in graph["nodes"] if node["kind"] == "service"), broad, strict=False))
    for node in graph["nodes"]:
        node["name"] = node["label"] = renamed.get(node["name"], node["name"])
    for edge in graph["edges"]:
        edge |= {end: renamed.get(edge[end], edge[end]) for end in ("caller", "callee")}
    served_graph = Large(6)
    served_graph.graph = graph
    with serve(served_graph) as served:
        page.goto(f"{served.url}/map?show=all")
        page.wait_for_selector("#map .node")
        assert page.evaluate(OUTSIDE) == []


def test_what_fails_is_in_sight(sized: tuple[Served, int], page: Any):
    """U6: the first view shows the failing service, however many there are."""
    served, services = sized
    page.goto(served.url + "/map")
    failing = page.locator("#map .node.error").first
    frame = page.locator("#map-view").bounding_box()
    box = failing.locator(".card").bounding_box()
    assert frame["x"] <= box["x"] + box["width"] / 2 <= frame["x"] + frame["width"]
    assert frame["y"] <= box["y"] + box["height"] / 2 <= frame["y"] + frame["height"]
    if services > 30:
        assert page.locator("#map .node").count() <= 24
        assert "of " + str(services) in page.inner_text(".map-line")


def test_find_leads_to_a_service_that_is_not_drawn(page: Any):
    """U6: Enter on a name that the drawing leaves out opens the map around it."""
    with serve(Large(40)) as served:
        page.goto(served.url + "/map")
        drawn = set(page.locator("#map .node").evaluate_all("(all) => all.map((e) => e.dataset.name)"))
        hidden = next(n["name"] for n in served.service.graph["nodes"] if n["name"] not in drawn)
        page.fill("#map-find", hidden)
        page.keyboard.press("Enter")
        page.wait_for_url("**focus=**")


def test_pointing_at_a_node_lights_its_neighbours(page: Any, shop: Served):
    """U6: the rest fades while the pointer or the focus is on a node."""
    page.goto(shop.url + "/map")
    page.locator("#map [data-name=payments]").focus()
    near = set(page.locator("#map .node.near").evaluate_all("(all) => all.map((e) => e.dataset.name)"))
    assert near == {"payments", "orders", "external:bank"}
    assert page.locator("#map.lit").count() == 1


def test_nodes_come_before_edges_for_the_keyboard(page: Any, shop: Served):
    """U11: the first Tab into the drawing is on a node; edges are rows of the table."""
    page.goto(shop.url + "/map")
    page.focus("#map-view")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.classList.contains('node')")
