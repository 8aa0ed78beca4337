"""The map's replay: the last hours step by step, while nothing moves."""

from collections.abc import Iterator
from typing import Any

import pytest

from hopline.model import Row
from hopline_query.store.memory import MemoryReader
from support import wait_until
from support.shops import Call, rows_of
from ui_support import NOW, Served, serve
from ui_support.shop_rows import shop_app

MINUTE = 60_000_000
HOURS = 3


def _checkout(at: int) -> list[Row]:
    """One a minute; two hours ago payments failed for half an hour, and only then was the bank called."""
    begun = NOW - (HOURS * 60 - at) * MINUTE + MINUTE // 2
    failing = 30 <= at < 60
    failed = "Timeout" if failing else ""
    bank = [Call("bank", "POST /pay", 30, 40, failed=failed)] if failing else []
    payments = Call("payments", "charge", 20, 60, bank, failed=failed)
    return rows_of(Call("gateway", "POST /checkout", 0, 100, [payments], "server", failed), at + 1, begun)


@pytest.fixture(scope="module")
def hours() -> Iterator[Served]:
    with serve(None, shop_app(MemoryReader([row for at in range(HOURS * 60) for row in _checkout(at)]))) as served:
        yield served


def places(page: Any) -> dict[str, list[str]]:
    return page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('#map .node')]"
        ".map((node) => [node.dataset.name, [node.dataset.x, node.dataset.y]]))"
    )


def back(page: Any, steps: int) -> None:
    slider = page.locator("#replay-at")
    slider.evaluate(
        "(slider, steps) => { slider.value = slider.max - steps; slider.dispatchEvent(new Event('change')); }", steps
    )


def test_a_step_back_shows_what_failed_then_and_nothing_moves(page: Any, hours: Served):
    """U6: two hours ago payments is red; later moments keep every box in its place; the address holds the moment."""
    page.goto(hours.url + "/map")
    page.wait_for_selector("#replay:not([hidden])")
    assert page.locator("#map .node.error").count() == 0
    back(page, 9)
    page.wait_for_selector("#map [data-name=payments].error")
    then = places(page)
    assert "bank" in then
    assert "over_from=" in page.url
    back(page, 1)
    page.wait_for_selector("#map [data-name=payments]:not(.error)")
    assert places(page) == then
    page.reload()
    assert places(page) == then
    page.click("#replay-end")
    wait_until(lambda: "over_from" not in page.evaluate("location.search"), 60)
    assert "bank" not in places(page)


def test_the_replay_plays_until_now(page: Any, hours: Served):
    """U6: play steps on by itself and ends at the newest moment."""
    page.goto(hours.url + "/map")
    page.wait_for_selector("#replay:not([hidden])")
    back(page, 2)
    wait_until(lambda: "over_from" in page.evaluate("location.search"), 60)
    page.click("#replay-play")
    at_end = "() => { const slider = document.getElementById('replay-at'); return slider.value === slider.max; }"
    wait_until(lambda: page.evaluate(at_end), 60)
    wait_until(lambda: "Play" in page.inner_text("#replay-play"), 60)
