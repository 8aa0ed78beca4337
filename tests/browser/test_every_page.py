"""Every page in a real browser: nothing serious for axe, nothing wider than the window, nothing from elsewhere."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

from support import wait_until
from ui_support import TRACE_ID, Served, ShopAnswers, serve

TRACE = f"/trace/{TRACE_ID}"
PAGES = {
    "home": "/",
    "search": "/search",
    "table": "/search?view=table",
    "help": "/help",
    "groups": "/map?show=groups",
    "nothing found": "/search?service=nobody",
    "user": "/users/u-4711",
    "map": "/map",
    "map panel": "/map?node=orders",
    "service": "/service/orders",
    "system": "/system",
    "compare": "/compare?a=1&b=2",
    "why": "/why?service=orders&errors=true",
    "alerts": "/alerts",
    "waterfall": TRACE,
    "span": f"{TRACE}?span=k6",
    "call tree": f"{TRACE}?tab=calltree",
    "statistics": f"{TRACE}?tab=statistics",
    "events": f"{TRACE}?tab=events",
    "flame": f"{TRACE}?tab=flame",
    "trace map": f"{TRACE}?tab=map",
    "json": f"{TRACE}?tab=json",
}
TABS = ("statistics", "events", "json")
BEYOND = """() => [...document.querySelectorAll(".scroll, .trace, .legend")].flatMap((box) => {
  const edge = box.getBoundingClientRect().right + 1;
  const parts = [...box.querySelectorAll("th, td, a, span:not(.visually-hidden)")];
  return parts.filter((part) => part.getBoundingClientRect().right > edge && !part.closest(".pill"))
    .map((part) => part.outerHTML.slice(0, 120));
}).slice(0, 5)"""
"""What reaches beyond the right edge of its table or card."""
TALL = """() => [["tbody tr", 84], [".alerts li", 180], [".trace", 280]].flatMap(([rows, most]) =>
  [...document.querySelectorAll(rows)].filter((row) => row.getBoundingClientRect().height > most)
    .map((row) => `${Math.round(row.getBoundingClientRect().height)} px: ${row.textContent.trim().slice(0, 60)}`)
).slice(0, 5)"""
"""Rows of lists that one text makes taller than two lines of it need."""
APART = """() => [...document.querySelectorAll(".trace-head")].filter((head) => {
  const parts = [".tick", ".trace-link", ".trace-duration"].map((part) => head.querySelector(part));
  const [tick, link, took] = parts.map((part) => part.getBoundingClientRect());
  return tick.right > link.left || link.right > took.left || tick.top < link.top - 4 || took.top > link.top + 8;
}).map((head) => head.textContent.trim().slice(0, 60))"""
"""Cards whose box to tick, name and time do not begin on one line."""
CUT = """() => [...document.querySelectorAll(".wf-time")].filter((label) => {
  const [own, line] = [label.getBoundingClientRect(), label.parentElement.getBoundingClientRect()];
  return own.left < line.left - 1 || own.right > line.right + 1;
}).map((label) => label.textContent)"""
"""Figures that reach out of their lines."""
LOOKS = [("light", "en"), ("dark", "en"), ("light", "zh-CN"), ("dark", "zh-CN")]


def look(page: Any, served: Served, theme: str, language: str) -> None:
    names = {"hop_theme": theme, "hop_lang": language}
    page.context.add_cookies([{"name": name, "value": value, "url": served.url} for name, value in names.items()])


@pytest.mark.parametrize(("theme", "language"), LOOKS)
def test_axe_finds_nothing_serious(theme: str, language: str, page: Any, shop: Served):
    """U11: contrast, names, roles and landmarks hold in both themes and languages."""
    look(page, shop, theme, language)
    found = {}
    for name, path in PAGES.items():
        page.goto(shop.url + path, wait_until="load")
        violations = Axe().run(page).response["violations"]
        bad = {
            v["id"]: [n["html"][:160] for n in v["nodes"][:3]]
            for v in violations
            if v["impact"] in {"serious", "critical"}
        }
        if bad:
            found[name] = bad
    assert found == {}


@pytest.mark.parametrize("width", [1280, 400])
def test_pages_fit_the_window(width: int, page: Any, shop: Served):
    """U11: nothing is wider than the window; wide tables scroll inside their panels."""
    page.set_viewport_size({"width": width, "height": 800})
    for name, path in PAGES.items():
        page.goto(shop.url + path, wait_until="load")
        beyond = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert beyond <= 0, name


@pytest.mark.parametrize("name", ["W" * 300, "x <b>y</b> " * 30, "\u202eabc\u202c\u200b" * 40, "漢" * 200])
def test_long_names_stay_in_their_place(name: str, page: Any):
    """U11: names, tags and uids of any length and script widen no page, on a phone neither."""
    page.set_viewport_size({"width": 400, "height": 800})
    with serve(ShopAnswers(hostile=name)) as served:
        for place, path in PAGES.items():
            page.goto(served.url + path, wait_until="load")
            assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, place


def test_long_names_leave_room_for_their_figures(page: Any):
    """U11: at a desk every column of a table is in sight beside the longest name, and cards hold what they show."""
    page.set_viewport_size({"width": 1280, "height": 800})
    with serve(ShopAnswers(hostile="W" * 300)) as served:
        for place in ("home", "service", "map", "compare", "call tree", "statistics", "search", "user"):
            page.goto(served.url + PAGES[place], wait_until="load")
            assert page.evaluate(BEYOND) == [], place


@pytest.mark.parametrize("width", [1280, 400])
def test_long_texts_take_two_lines_of_a_list(width: int, page: Any):
    """U11: no name, cause or operation makes a list unreadable; what was cut is in its title when pointed at."""
    page.set_viewport_size({"width": width, "height": 800})
    with serve(ShopAnswers(hostile="Wa " * 150)) as served:
        for place in ("home", "service", "map panel", "compare", "call tree", "statistics", "search", "user", "why"):
            page.goto(served.url + PAGES[place], wait_until="load")
            assert (page.evaluate(TALL), page.evaluate(APART)) == ([], []), place
        page.goto(served.url, wait_until="networkidle")
        cut = page.locator("#services .clamp", has_text="Wa Wa").first
        cut.hover()
        assert cut.get_attribute("title") == cut.inner_text().strip()


def test_figures_beside_bars_are_whole_on_a_phone(page: Any, shop: Served):
    """U4: a figure stands beside its bar or over it, never cut by the edge of its line."""
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto(shop.url + TRACE)
    page.wait_for_selector("#grid[data-ready]")
    assert page.locator(".wf-time").count() > 5
    assert page.evaluate(CUT) == []


def test_nothing_is_fetched_from_elsewhere(page: Any, shop: Served):
    """U10: every request of every page goes to our own origin."""
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    for path in PAGES.values():
        page.goto(shop.url + path, wait_until="load")
    assert asked == {urlsplit(shop.url).netloc}


def test_pages_read_with_scripts_off(browser: Any, shop: Served):
    """U11: figures, rows and tables stand in the HTML; the zone is named."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    for path, fact in (
        ("/", "84.1"),
        ("/map", "84.1/s"),
        (TRACE, "not received"),
        ("/service/orders", "1.2 s"),
        ("/search", "Timeout"),
    ):
        page.goto(shop.url + path)
        assert fact in page.inner_text("main")
        assert page.inner_text("#zone") == "UTC"
    context.close()


def test_theme_and_zone_are_kept(page: Any, shop: Served):
    """U2: theme and zone are chosen once; local times name their offset."""
    page.goto(shop.url + "/search")
    page.click("#theme")
    assert page.get_attribute("html", "data-theme") == "light"
    page.click("#theme")
    assert page.get_attribute("html", "data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") is not None
    page.click("#zone")
    wait_until(lambda: page.get_attribute("html", "data-zone") == "local", 30)
    page.goto(shop.url + TRACE)
    assert page.get_attribute("html", "data-zone") == "local"
    assert page.get_attribute("html", "data-theme") == "dark"


def test_local_times_are_those_of_the_browser(browser: Any, shop: Served):
    """U2: in Shanghai the trace starts eight hours later on the clock, and the page says UTC+8."""
    context = browser.new_context(timezone_id="Asia/Shanghai")
    context.add_cookies([{"name": "hop_zone", "value": "local", "url": shop.url}])
    page = context.new_page()
    page.goto(shop.url + TRACE)
    wait_until(lambda: page.inner_text("#zone") == "UTC+8", 30)
    assert page.inner_text(".trace-facts-line time") == "2025-11-22 16:26:40"
    context.close()
