"""What people come for, counted in clicks from the home page, over a small shop in memory."""

from collections.abc import Iterator
from typing import Any

import pytest

from hopline.model import Row
from hopline_query.store.memory import MemoryReader
from support.shops import Call, rows_of
from ui_support import NOW, Served, serve
from ui_support.shop_rows import shop_app, shop_rows


@pytest.fixture(scope="module")
def small() -> Iterator[Served]:
    with serve(None, shop_app(MemoryReader(shop_rows()))) as served:
        yield served


@pytest.fixture(scope="module")
def troubled() -> Iterator[Served]:
    """Checkouts through four services: eight fail by a deadlock below the last, three by a bank that is not there."""
    with serve(None, shop_app(MemoryReader([row for at in range(30) for row in _checkout(at)]))) as served:
        yield served


def _checkout(at: int) -> list[Row]:
    deadlock, refused = at in range(8), at in range(10, 13)
    failed = "HTTP500" if deadlock or refused else ""
    update = Call("shop", "UPDATE stock", 30, 40, sides="client", peer_kind="db", failed="Deadlock" if deadlock else "")
    update.text = "lock on row 17" if deadlock else ""
    bank = Call("bank", "POST /pay", 32, 10, sides="client", failed="ConnectionRefused") if refused else None
    stock = Call("stock", "POST /reserve", 20, 60, [update, *([bank] if bank else [])], failed=failed)
    orders = Call("orders", "POST /orders", 10, 80, [stock], failed=failed)
    root = Call("gateway", "POST /checkout", 0, 100, [orders], "server", failed)
    return rows_of(root, at + 1, NOW - (at + 10) * 10_000_000)


def at_home(page: Any, small: Served) -> Any:
    page.goto(small.url + "/")
    return page


def follow(page: Any, link: Any) -> None:
    """Click what opens another page, and wait for its scripts: a click before them follows plain links."""
    with page.expect_navigation():
        link.click()


def test_the_failing_span_and_since_when_take_two_clicks(page: Any, small: Served):
    """U1: what fails stands on the home page with its beginning; its traces, then the failing call."""
    at_home(page, small)
    item = page.locator(".alerts li", has_text="payments").first
    assert "since" in item.inner_text()
    follow(page, item.locator("a", has_text="Traces"))
    follow(page, page.locator("#results .trace-link").first)
    page.wait_for_selector("#grid[data-ready]")
    assert "Timeout bank did not answer" in page.inner_text(".trace-failure")


def test_from_home_to_the_cause_takes_two_clicks(page: Any, troubled: Served):
    """Y1: at 3 am a deadlock at the bottom of four services is the first line, above a call that nobody answered."""
    at_home(page, troubled)
    causes = page.locator("section[aria-labelledby=groups] li")
    assert causes.locator(".alert-name").all_inner_texts() == ["Deadlock", "No answer from bank"]
    first = causes.first
    assert "8 traces hurt" in first.inner_text()
    assert "24 echoes" in first.inner_text()
    follow(page, first.locator(".alert-name"))
    assert page.locator("#results .trace").count() == 8
    follow(page, page.locator("#results .trace-link").first)
    page.wait_for_selector("#grid[data-ready]")
    assert "Deadlock lock on row 17" in page.inner_text(".trace-failure")


def test_a_users_failed_order_takes_two_clicks(page: Any, small: Served):
    """Q3: a uid in the bar, then failures only."""
    at_home(page, small)
    page.fill("#uid-box", "u-7")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    follow(page, page.locator("text=Failures only"))
    assert page.locator("#results .trace").count() == 1


def test_the_true_slowest_checkout_takes_two_clicks(page: Any, small: Served):
    """U7: a percentile opens the calls beyond it, the slowest first."""
    at_home(page, small)
    follow(page, page.locator("#services tr[data-name=gateway] td a", has_text="ms").last)
    shown = page.locator(".trace-duration").all_inner_texts()
    assert shown[0] == max(shown, key=lambda text: float(text.split()[0]) * (1 if text.endswith("ms") else 1_000))
    follow(page, page.locator("#results .trace-link").first)
    page.wait_for_selector("#grid[data-ready]")
    assert page.inner_text(".trace-title-time") == shown[0]


def test_what_a_corner_of_the_heatmap_opens_equals_its_cells(page: Any, small: Served):
    """L5: the words under the heatmap and the list that it opens name the same number of calls."""
    page.goto(small.url + "/service/gateway")
    page.wait_for_selector("#heat")
    page.locator("#heat").scroll_into_view_if_needed()
    box = page.locator("#heat").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.995, box["y"] + box["height"] * 0.6, steps=6)
    words = page.inner_text("#heat-tip")
    page.mouse.up()
    page.wait_for_url("**/search**")
    calls = words.split(": ")[1].split(" calls")[0]
    assert calls != "0"
    assert page.locator(".results-count b.num").last.inner_text() == calls


def test_callers_that_fail_take_two_clicks(page: Any, small: Served):
    """U6: the map, then a node: who uses it, with the failing share of each; nothing is loaded anew."""
    at_home(page, small)
    follow(page, page.locator(".nav a[href*='/map']"))
    page.evaluate("window.same = true")
    page.locator("#map [data-name=payments]").click()
    page.wait_for_selector(".node-panel")
    used_by = page.locator(".node-panel section", has_text="Used by").inner_text()
    assert "orders" in used_by
    assert "%" in used_by
    assert page.evaluate("window.same")
    page.go_back()
    page.wait_for_selector(".node-panel", state="detached")


def test_two_traces_are_compared_with_three_clicks(page: Any, small: Served):
    """U5: tick, tick, compare; the difference is said in one sentence."""
    page.goto(small.url + "/search")
    page.locator(".tick").nth(0).check()
    page.locator(".tick").nth(3).check()
    assert page.locator(".tick:not(:disabled)").count() == 2
    follow(page, page.locator("#ticked button"))
    page.wait_for_selector(".compare-reason")
    assert page.inner_text(".compare-reason").strip()


def test_a_trace_is_compared_with_a_typical_one_by_one_click(page: Any, small: Served):
    """U5: no second id is needed."""
    page.goto(small.url + "/search?order_by=longest")
    follow(page, page.locator("#results .trace-link").first)
    page.wait_for_selector("#grid[data-ready]")
    follow(page, page.locator("text=Compare with a typical one"))
    page.wait_for_selector(".compare-reason")
    assert "less" in page.inner_text(".compare-reason")


def test_yesterday_against_today_takes_two_clicks(page: Any, small: Served):
    """U7: from a service's page: the range menu, then yesterday."""
    page.goto(small.url + "/service/gateway")
    page.click("#range > summary")
    page.click("text=Draw against yesterday")
    page.wait_for_url("**against=1d**")
    page.wait_for_selector("#chart-latency canvas")


def test_anything_is_reached_from_the_keyboard(page: Any, small: Served):
    """U11: Ctrl-K, some letters, Enter; j and k walk results, x ticks, Enter opens."""
    at_home(page, small)
    page.keyboard.press("Control+k")
    page.wait_for_selector("#command[open]")
    page.keyboard.type("invent")
    page.wait_for_selector("#command [role=option]:has-text('inventory')")
    page.keyboard.press("Enter")
    page.wait_for_url("**/service/inventory**")
    page.goto(small.url + "/search")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    assert page.locator(".tick").nth(1).is_checked()
    page.keyboard.press("Enter")
    page.wait_for_url("**/trace/**")


@pytest.mark.parametrize("path", ["/", "/search"])
def test_the_first_trace_is_led_to(path: str, page: Any):
    """U3: an empty store watches for its first span and opens it when it arrives."""
    reader = MemoryReader()
    with serve(None, shop_app(reader)) as served:
        page.goto(served.url + path)
        assert served.url in page.inner_text("#start-lines")
        reader.rows.extend(shop_rows(traces=1))
        page.wait_for_url("**/trace/**")


def test_a_lost_server_is_said_within_twelve_seconds_and_so_is_its_return(chromium: Any, small: Served):
    """U1: "Live" is true."""
    at_home(chromium, small)
    assert chromium.inner_text("#live").strip() == "Live"
    chromium.route("**/*", lambda route: route.abort())
    chromium.wait_for_selector("#live.lost", timeout=12_000)
    assert "No answer" in chromium.inner_text("#live")
    chromium.unroute("**/*")
    chromium.wait_for_selector("#live:not(.lost)", timeout=12_000)


def test_nothing_shifts_after_the_first_paint(page: Any, small: Served):
    """U9: layout shift of every page stays under 0.02, with the pointer over its charts too."""
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver((list) => { for (const e of list.getEntries())"
        " if (!e.hadRecentInput) window.shift += e.value; }).observe({ type: 'layout-shift', buffered: true })"
    )
    trace = f"/trace/{0x6921C0DE:08x}{0:024x}"
    for path in ("/", "/search", "/map", "/service/gateway", trace, "/users/u-7"):
        page.goto(small.url + path, wait_until="networkidle")
        if path.startswith("/service"):
            box = page.locator("#chart-latency").bounding_box()
            page.mouse.move(box["x"] + 200, box["y"] + 80)
            page.mouse.move(box["x"] + 300, box["y"] + 80)
            page.wait_for_function("document.querySelector('.u-legend .u-value').textContent.length > 1")
        assert page.evaluate("window.shift") < 0.02, path
