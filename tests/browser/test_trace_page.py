"""The waterfall in a real browser."""

from typing import Any

from support import wait_until
from ui_support import TRACE_ID, Served

TRACE = f"/trace/{TRACE_ID}"
STRETCHES = "[...document.querySelectorAll('.wf-critical')].reduce((n, e) => n + Number(e.dataset.stretches), 0)"


def opened(page: Any, served: Served, query: str = "") -> Any:
    page.goto(f"{served.url}{TRACE}{query}")
    page.wait_for_selector("#grid[data-ready]")
    return page


def address(page: Any) -> str:
    """The page's own word: the driver hears of a changed address a moment later."""
    return page.evaluate("location.href")


def focused(page: Any) -> str:
    return page.evaluate("document.activeElement.querySelector('.wf-path')?.textContent ?? ''")


def test_ten_thousand_spans_need_few_elements(page: Any, large: Served):
    """U9: under 600 elements, the last row by one key, and it is the last of all."""
    opened(page, large)
    assert page.evaluate("document.querySelectorAll('*').length") < 600
    page.focus("#rows > [tabindex='0']")
    page.keyboard.press("End")
    assert focused(page) == "0.10002"
    assert page.evaluate("document.querySelectorAll('*').length") < 600
    page.keyboard.press("Home")
    assert focused(page) == "0"


def test_rows_are_a_treegrid_for_the_keyboard(page: Any, shop: Served):
    """U4: arrows move, collapse and expand; Enter opens the details, Escape closes them."""
    opened(page, shop)
    page.focus("#rows > [tabindex='0']")
    page.keyboard.press("ArrowDown")
    assert focused(page) == "0.1"
    page.keyboard.press("ArrowLeft")
    assert page.locator("#rows > .wf-row").count() == 11
    page.keyboard.press("ArrowRight")
    assert page.locator("#rows > .wf-row").count() == 12
    page.keyboard.press("ArrowRight")
    assert focused(page) == "0.1.1"
    page.keyboard.press("ArrowLeft")
    assert focused(page) == "0.1"
    page.keyboard.press("Enter")
    page.wait_for_selector("#panel h2")
    assert "users" in page.inner_text("#panel h2")
    assert "span=k1" in address(page)
    page.keyboard.press("Escape")
    page.wait_for_selector("#panel", state="hidden")
    assert "span=" not in address(page)


def test_letters_act_anywhere_but_in_fields(page: Any, shop: Served):
    """U4: collapse and expand all, levels, critical path, errors, help."""
    opened(page, shop)
    page.keyboard.press("[")
    assert page.locator("#rows > .wf-row").count() == 1
    page.keyboard.press("p")
    assert page.locator("#rows > .wf-row").count() == 3
    page.keyboard.press("]")
    assert page.locator("#rows > .wf-row").count() == 12
    page.keyboard.press("c")
    assert page.evaluate(STRETCHES) == 5
    page.keyboard.press("e")
    assert focused(page) == "0.2"
    page.keyboard.press("?")
    assert page.locator("#keys[open]").count() == 1
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("c[e")
    assert page.input_value("#find") == "c[e"
    assert page.evaluate(STRETCHES) == 5


def test_find_counts_steps_and_filters(page: Any, shop: Served):
    """U4: matches are counted, walked with n, and shown alone with what is hidden."""
    opened(page, shop)
    page.fill("#find", "bank")
    page.wait_for_selector("#found:text-is('3 spans')")
    page.keyboard.press("Enter")
    assert page.inner_text("#found") == "1 of 3"
    page.keyboard.press("n")
    assert page.inner_text("#found") == "2 of 3"
    assert focused(page) == "0.2.2.2"
    page.click("#only")
    text = page.inner_text("#rows")
    assert "spans hidden" in text
    assert "inventory" not in text
    assert "only=1" in address(page)
    assert "q=bank" in address(page)


def test_legend_shows_one_service(page: Any, shop: Served):
    """U4: a service of the legend leaves its spans and their ancestors."""
    opened(page, shop)
    page.click("#legend button[data-service='users']")
    paths = page.locator("#rows .wf-path").all_inner_texts()
    assert paths == ["0", "0.1", "0.1.1"]


def test_minimap_zooms_and_the_address_keeps_it(page: Any, shop: Served):
    """U4: dragging over the overview shows that part; reloading shows it again; 0 shows all."""
    opened(page, shop)
    box = page.locator("#mini").bounding_box()
    y = box["y"] + 20
    page.mouse.move(box["x"] + box["width"] * 0.25, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, y, steps=4)
    page.mouse.up()
    assert "t0=4125" in address(page)
    assert page.locator("#ruler .wf-time").first.inner_text() == "413 ms"
    page.reload()
    page.wait_for_selector("#grid[data-ready]")
    assert page.locator("#ruler .wf-time").first.inner_text() == "413 ms"
    page.keyboard.press("0")
    assert "t0=" not in address(page)


def test_deep_link_shows_the_span_in_sight(page: Any, large: Served):
    """U4: a link to a span far down opens there, with its details."""
    opened(page, large, "?span=k9000")
    row = page.locator("#rows > .selected")
    row.wait_for()
    assert row.is_visible()
    assert row.locator(".wf-path").inner_text() == "0.8991"
    assert "0.8991" in page.inner_text("#panel")


def test_details_follow_the_chosen_row(page: Any, shop: Served):
    """U4: a click opens the details beside the rows; a call in them leads on."""
    opened(page, shop)
    page.click("#rows .wf-row:has-text('charge')")
    page.wait_for_selector("#panel :text('bank did not answer')")
    page.click("#panel [data-span='k7']")
    page.wait_for_selector("#panel h2:has-text('bank')")
    assert "span=k7" in address(page)


def test_equal_siblings_are_folded(page: Any, large: Served):
    """U4: nothing that repeats five times in a row takes five rows."""
    opened(page, large)
    assert page.locator("#grid").get_attribute("aria-rowcount") == "10013"


def test_columns_can_be_resized_with_the_keyboard(page: Any, shop: Served):
    """U11: the separator between names and bars is a control of its own."""
    opened(page, shop)
    before = page.locator("#rows .wf-name").first.bounding_box()["width"]
    page.focus("#split")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.locator("#rows .wf-name").first.bounding_box()["width"] > before
    assert page.get_attribute("#split", "aria-valuenow") == "50"


def told(page: Any) -> list[str]:
    return page.locator("#rows .wf-path").all_inner_texts()


def test_find_knows_tags(page: Any, shop: Served):
    """U4: what stands in a tag is found as a name is."""
    opened(page, shop)
    page.fill("#find", "region=eu-k7")
    page.wait_for_selector("#found:text-is('1 span')")


def test_the_first_match_comes_into_sight(page: Any, large: Served):
    """U4: what is found far below, or under a folded call, is shown; the box keeps the focus, Enter begins with it.

    The row that the keyboard was at can still be reached, for it is not drawn away.
    """
    opened(page, large)
    for before in ("Home", "["):
        page.fill("#find", "")
        page.focus("#rows > [tabindex='0']")
        page.keyboard.press(before)
        page.fill("#find", " 0.9000 ")
        page.wait_for_selector("#rows .match")
        assert page.evaluate("document.activeElement.id") == "find"
    page.keyboard.press("Enter")
    assert focused(page) == "0.9000"
    page.evaluate("document.getElementById('grid').scrollTop = 0")
    page.fill("#find", "0.9000 ")
    wait_until(lambda: page.evaluate("document.getElementById('grid').scrollTop") > 0, what="the match")


def test_a_link_shows_the_same_picture_in_a_fresh_browser(page: Any, browser: Any, shop: Served):
    """U4: path, filters, folds, window and span are in the address; "Copy link" copies just that."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(page, shop)
    page.keyboard.press("c")
    page.click("#legend button[data-service='users']")
    page.click("#legend button[data-service='payments']")
    page.click("#rows .wf-row:has-text('0.1') .wf-toggle")
    page.keyboard.press("w")
    page.click("#rows .wf-row:has-text('charge') .wf-what")
    page.wait_for_selector("#panel h2")
    page.click("#panel [data-copy-page]")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == address(page)
    other = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    other.goto(link)
    other.wait_for_selector("#grid[data-ready]")
    assert told(other) == told(page)
    for state in (
        STRETCHES,
        "document.querySelector('#ruler').textContent",
        "document.querySelector('#panel h2').textContent",
    ):
        assert other.evaluate(state) == page.evaluate(state)
    other.context.close()


def test_copying_works_without_the_clipboard_of_https(page: Any, shop: Served):
    """U4: over plain http the browser offers no clipboard; the link is copied and said all the same."""
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.add_init_script("document.execCommand = () => { window.copied = document.activeElement.value; return true; }")
    opened(page, shop, "?span=k6")
    page.click("#panel [data-copy-page]")
    page.wait_for_selector("#say:text-is('Copied')")
    assert page.evaluate("window.copied") == address(page)


def test_steps_stay_with_what_the_filter_leaves(page: Any, shop: Served):
    """U4: with one service shown, the next error is one of those rows, or nothing moves."""
    opened(page, shop)
    page.click("#legend button[data-service='users']")
    page.focus("#rows > [tabindex='0']")
    for _ in range(3):
        page.keyboard.press("e")
    assert told(page) == ["0", "0.1", "0.1.1"]
    page.click("#legend button[data-service='users']")
    page.keyboard.press("e")
    assert focused(page) == "0.2"


def test_closing_the_panel_gives_the_focus_back(page: Any, shop: Served):
    """U11: after Escape the row that was opened has the focus."""
    opened(page, shop)
    page.focus("#rows > [tabindex='0']")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("#panel h2")
    page.keyboard.press("Escape")
    assert focused(page) == "0.1"


def test_the_panel_can_be_asked_for_again(chromium: Any, shop: Served):
    """U1: details that did not come say so and offer another try."""
    opened(chromium, shop)
    chromium.route("**/node/**", lambda route: route.abort())
    chromium.click("#rows .wf-row:has-text('charge')")
    chromium.wait_for_selector("#panel [role=alert]")
    chromium.unroute("**/node/**")
    chromium.click("#panel button:has-text('Try again')")
    chromium.wait_for_selector("#panel h2:has-text('payments')")


def test_dragging_the_ruler_draws_a_band_and_zooms(page: Any, shop: Served):
    """U4: the stretch being chosen is drawn with its length; no text is selected; a button shows all again."""
    opened(page, shop)
    box = page.locator("#ruler").bounding_box()
    y = box["y"] + 10
    page.mouse.move(box["x"] + box["width"] * 0.25, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, y, steps=4)
    assert page.locator(".wf-band").inner_text().endswith("ms")
    page.mouse.up()
    assert page.locator(".wf-band").count() == 0
    assert page.evaluate("getSelection().toString()") == ""
    assert "t0=" in address(page)
    page.click("#zoom-reset")
    assert "t0=" not in address(page)


def test_a_row_shows_its_card(page: Any, shop: Served):
    """U4: resting on a row shows start, self time, critical share and tags in words."""
    opened(page, shop)
    page.hover("#rows .wf-row:has-text('charge')")
    page.wait_for_selector("#card:visible")
    text = page.inner_text("#card")
    assert "Self" in text
    assert "http.response.status_code" in text
    page.keyboard.press("ArrowDown")
    assert page.locator("#card:visible").count() == 0


def test_a_tapped_span_stays_in_sight_on_a_phone(page: Any, shop: Served):
    """U11: at 400 px the details are a sheet at the foot of the screen."""
    page.set_viewport_size({"width": 400, "height": 800})
    opened(page, shop)
    page.click("#rows .wf-row:has-text('charge')")
    page.wait_for_selector("#panel h2")
    box = page.locator("#panel").bounding_box()
    assert box["y"] < 800
    assert box["y"] + box["height"] <= 801


def test_the_ruler_stays_while_rows_scroll(page: Any, large: Served):
    """U4: wherever page and rows are scrolled to, the times over the bars are in sight."""
    for width, height in ((1280, 800), (1280, 500), (400, 800)):
        page.set_viewport_size({"width": width, "height": height})
        opened(page, large)
        page.evaluate("document.querySelector('#grid').scrollTop = 5000; window.scrollTo(0, 1e6)")
        box = page.locator("#ruler").bounding_box()
        assert 0 <= box["y"] < height, (width, height)
        assert "nothing" not in page.evaluate(
            "(at => document.elementFromPoint(at.x + 40, at.y + 12)?.closest('#ruler') ? 'ruler' : 'nothing')"
            "(document.querySelector('#ruler').getBoundingClientRect())"
        )
