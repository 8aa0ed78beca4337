"""What the pages cost in the browser, from outside: Chromium, and ``hopline up`` over a filled store beside it.

    python tests/benchmarks/bench_ui.py [--only trace,find,home,map,pages] [--json]

Times count from the navigation: the server's answer is in them. Each is the median of three openings, after one that
warms the server up. A figure beyond its goal is marked.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import Page, sync_playwright
from ui_data import Fleet, made
from ui_watch import BEFORE, CARRIED, DRAG_MAP, ELEMENTS, FIND, PAINT, ROWS, SCROLL, SHIFT, WHOLE, ZOOM_MAP
from usage import wait_quiet

from support.browser import OPTIONS, executable
from support.hopline_process import started
from support.process import Children

OPENINGS: Final = 3
WARM_UPS: Final = 4
FIRST_ROWS_MS: Final = {10_000: 400.0, 60_000: 600.0, 200_000: 1_200.0}
SEARCHED: Final = 60_000
MAPS_MS: Final = {300: 800.0, 2_000: 1_500.0}
FLEETS: Final = (Fleet(300, 900, tuple(FIRST_ROWS_MS)), Fleet(2_000, 8_000))
FRAMES: Final = 50.0
PAGES: Final = (
    *("/", "/search", "/search?view=table", "/map", "/map?show=groups", "/service/svc-1", "/users/u-1", "/system"),
    *("/help", "/why?service=svc-1"),
)
TABS: Final = ("calltree", "statistics", "events", "flame", "map", "json")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; ``goal`` is what it must not exceed, or with ``least`` what it must reach."""

    what: str
    figure: float
    goal: float
    least: bool = False

    @property
    def held(self) -> bool:
        return self.figure >= self.goal if self.least else self.figure <= self.goal


def opened(page: Page, url: str, ready: str, script: str) -> float:
    """Median of what ``script`` says once ``ready`` is there, over some openings.

    The first may run out of time: what the server has read by then, it keeps.
    """
    found = []
    for _ in range(WARM_UPS):
        answer = page.goto(url)
        if answer and answer.ok:
            break
    for turn in range(OPENINGS + 1):
        page.goto(url)
        page.wait_for_selector(ready, state="attached")
        page.wait_for_load_state("networkidle")
        if turn:
            found.append(float(page.evaluate(script)))
    return statistics.median(found)


def traces(page: Page, url: str, ids: dict[int, str]) -> Iterator[Row]:
    """Opening and scrolling traces of each size."""
    for spans, goal in FIRST_ROWS_MS.items():
        name = f"trace of {spans:,}"
        yield Row(f"{name}: first rows, ms", opened(page, f"{url}/trace/{ids[spans]}", "#grid[data-ready]", ROWS), goal)
        yield Row(f"{name}: whole, ms", page.evaluate(WHOLE), 10 * goal)
        yield Row(f"{name}: scroll, frames/s", page.evaluate(SCROLL), FRAMES, least=True)
        yield Row(f"{name}: elements", page.evaluate(ELEMENTS), 700)


def find(page: Page, url: str, ids: dict[int, str]) -> Iterator[Row]:
    """From the last letter in the box to the first marked row."""
    taken = []
    for words in ("step 39", "step 17", "shop.tenant=33", "wide-7"):
        page.goto(f"{url}/trace/{ids[SEARCHED]}")
        page.wait_for_selector("#grid[data-ready]")
        taken.append(float(page.evaluate(FIND, words)))
    yield Row(f"find over {SEARCHED:,}: first hit, ms", statistics.median(taken), 300)


def home(page: Page, url: str, _ids: dict[int, str]) -> Iterator[Row]:
    """The home page of a fleet."""
    yield Row("home, 300 services: paint, ms", opened(page, f"{url}/", "#services", PAINT), 400)
    yield Row("home, 300 services: elements", page.evaluate(ELEMENTS), 2_500)


def maps(page: Page, url: str, services: int) -> Iterator[Row]:
    """The map as it opens, and the largest drawing that it offers, pushed about and zoomed."""
    name = f"map of {services:,}"
    yield Row(f"{name}: paint, ms", opened(page, f"{url}/map", "#map", PAINT), MAPS_MS[services])
    view = "all" if services <= 300 else "groups"
    yield Row(f"{name}, {view}: paint, ms", opened(page, f"{url}/map?show={view}", "#map", PAINT), MAPS_MS[services])
    yield Row(f"{name}, {view}: drag, frames/s", page.evaluate(DRAG_MAP), FRAMES, least=True)
    yield Row(f"{name}, {view}: zoom, frames/s", page.evaluate(ZOOM_MAP), FRAMES, least=True)
    yield Row(f"{name}, {view}: elements", page.evaluate(ELEMENTS), 25_000)


def every(page: Page, url: str, ids: dict[int, str]) -> Iterator[Row]:
    """The worst page for layout shift, and the heaviest in script and style."""
    trace = f"/trace/{ids[10_000]}"
    shifts, carried = {}, {}
    for path in (*PAGES, trace, *(f"{trace}?tab={tab}" for tab in TABS), f"/compare?a={ids[10_000]}&b=typical"):
        page.goto(url + path, wait_until="networkidle")
        name = path.replace(trace, "trace")
        shifts[name], carried[name] = float(page.evaluate(SHIFT)), float(page.evaluate(CARRIED))
    for what, found, goal in (("layout shift", shifts, 0.02), ("script and style, kB", carried, 90.0)):
        worst = max(found, key=lambda name: found[name])
        yield Row(f"{what}, most of {len(found)} pages ({worst})", found[worst], goal)


@contextmanager
def serving(folder: Path, fleet: Fleet) -> Iterator[tuple[str, dict[int, str]]]:
    """A server over the fleet's store, and the trace of each size."""
    folder.mkdir(parents=True)
    ids = made(folder, fleet)
    children = Children(folder)
    try:
        server = started(children, "--data", str(folder))
        wait_quiet(server.child.pid)
        yield server.url, ids
    finally:
        children.stop()


def measured(folder: Path, only: set[str]) -> Iterator[Row]:
    """All figures that were asked for."""
    parts: dict[str, Callable[[Page, str, dict[int, str]], Iterator[Row]]] = {
        "trace": traces,
        "find": find,
        "home": home,
        "map": lambda page, url, ids: maps(page, url, 300 if ids else 2_000),
        "pages": every,
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(OPTIONS), chromium_sandbox=False)
        page = browser.new_page(viewport={"width": 1400, "height": 800})
        page.set_default_timeout(120_000)
        page.add_init_script(BEFORE)
        for fleet in FLEETS:
            asked = [name for name in parts if name in only and (fleet.traces or name == "map")]
            if not asked:
                continue
            with serving(folder / str(fleet.services), fleet) as (url, ids):
                for name in asked:
                    yield from parts[name](page, url, ids)
        browser.close()


def line(row: Row) -> str:
    """A figure in words, marked where it misses its goal."""
    figure = f"{row.figure:,.3f}" if row.figure < 1 else f"{row.figure:,.0f}"
    bound = "at least" if row.least else "at most"
    return f"{'  ' if row.held else '! '}{row.what:64} {figure:>10}   {bound} {row.goal:,}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="trace,find,home,map,pages")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for row in measured(Path(folder), set(asked.only.split(","))):
            rows.append(asdict(row))
            if not asked.json:
                print(line(row), flush=True)
    if asked.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
