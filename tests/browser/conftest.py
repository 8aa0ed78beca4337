"""The pages over made-up answers behind a real port, and a browser that watches for trouble."""

from collections.abc import Iterator
from typing import Any

import pytest

from ui_support import Served, ShopAnswers, page_app, serve
from ui_support.alerts import FIRING, LOST, SLOW, Rules
from ui_support.settings import QUICK
from ui_support.tree import shop_tree


@pytest.fixture(scope="session")
def shop() -> Iterator[Served]:
    answers = ShopAnswers()
    answers.alerts = Rules(FIRING, SLOW, LOST)
    with serve(answers) as served:
        yield served


@pytest.fixture(scope="session")
def large() -> Iterator[Served]:
    """A trace of 10,012 spans."""
    with serve(ShopAnswers(shop_tree(10_000))) as served:
        yield served


@pytest.fixture
def quick() -> Iterator[Served]:
    """Live pages refresh every second."""
    service = ShopAnswers()
    with serve(service, page_app(service, settings=QUICK)) as served:
        yield served


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A page whose console must stay silent: a violation of the policy is an error there."""
    troubles: list[str] = []
    chromium.set_default_timeout(30_000)  # a machine that runs other things too
    chromium.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    chromium.on("pageerror", lambda error: troubles.append(str(error)))
    yield chromium
    assert troubles == []
