"""What a trace page shows before and beside the whole of its rows: the first ones, and the usual run."""

from typing import Any

from ui_support import TRACE_ID, Served


def test_first_rows_stand_while_the_rest_is_on_its_way(page: Any, large: Served):
    """U9: the rows that came with the page are drawn before the others are here; then these can be walked."""
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/api/v1/traces/*shape=timeline*", hold)
    page.goto(f"{large.url}/trace/{TRACE_ID}")
    page.wait_for_selector("#rows > .wf-row >> nth=20")
    assert page.get_attribute("#grid", "data-ready") is None
    first = page.locator("#rows > .wf-row").first.inner_text()
    held[0].continue_()
    page.wait_for_selector("#grid[data-ready]")
    assert page.locator("#rows > .wf-row").first.inner_text() == first
    assert page.get_attribute("#grid", "aria-rowcount") == "10013"


def test_what_a_search_looks_through_is_gathered_before_other_runs_are_read(page: Any, large: Served):
    """U5: the first search waits for it and is not made twice; the usual run is asked for after that search."""
    held: list[Any] = []
    asked: list[str] = []
    page.route("**/found*", lambda route: route.continue_() if held else held.append(route))
    page.on("request", lambda request: asked.append(request.url.split("/")[-1].split("&")[0]))
    page.goto(f"{large.url}/trace/{TRACE_ID}")
    page.wait_for_selector("#grid[data-ready]")
    page.fill("#find", "charge")
    page.wait_for_selector("#found:not(:empty)")
    assert not {"found?words=charge", "usual"} & set(asked)
    held[0].continue_()
    page.wait_for_selector("#rows .match")
    page.wait_for_selector("#usual .usual-call")
    assert asked.count("found?words=charge") == 1
    assert asked.index("found?words=charge") < asked.index("usual")


def test_what_takes_longer_than_usual_is_said_and_leads_to_its_call(page: Any, shop: Served):
    """Y4: one sentence with both times and how many runs; a click opens the call; a second strip is that run."""
    page.goto(f"{shop.url}/trace/{TRACE_ID}")
    page.wait_for_selector("#usual .usual-call")
    assert "payments charge usually takes 3 ms itself, here 480 ms" in page.inner_text("#usual")
    assert "100 other runs" in page.inner_text("#usual")
    page.wait_for_selector("#strip .strip-usual")
    assert page.locator("#strip .strip-usual .strip-part").count() == 3
    page.locator("#usual summary").click()
    page.wait_for_selector("#usual details .usual-call")
    page.locator("#usual .usual-call").first.click()
    page.wait_for_selector("#panel:not([hidden])")
    assert "span=k6" in page.evaluate("location.search")


def test_a_trace_without_other_runs_says_nothing(page: Any, shop: Served):
    """Y4: too few runs are no usual run; the page stands without the line."""
    page.route("**/usual", lambda route: route.fulfill(json={"calls": [], "compared": 3}))
    page.goto(f"{shop.url}/trace/{TRACE_ID}")
    page.wait_for_selector("#grid[data-ready]")
    page.wait_for_load_state("networkidle")
    assert page.inner_text("#usual").strip() == ""
