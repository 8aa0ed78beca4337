"""The system's Chromium, driven by Playwright."""

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from support.need import require

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")

OPTIONS = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
"""Without these the browser looks for its maker's servers at every start."""


def executable() -> str:
    """Path of the first Chromium on the path, or an empty string."""
    return next(filter(None, map(shutil.which, NAMES)), "")


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """One Chromium for a module of tests.

    Not for the whole run: while Playwright is there, its event loop counts as running in this
    thread, and every later test that begins one of its own would fail.
    """
    path = executable()
    require("Chromium", "" if path else f"none of {', '.join(NAMES)} on the path (run deploy/setup/chromium.sh)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(OPTIONS), chromium_sandbox=False)
        yield started
        started.close()


@pytest.fixture
def chromium(browser: "Browser") -> "Iterator[Page]":
    """An empty page at 1280 x 800 in a context of its own: no cookie of another test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB", timezone_id="UTC")
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()
