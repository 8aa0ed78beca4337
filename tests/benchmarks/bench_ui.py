"""What a large trace costs in the browser, and a large map on the server.

    python tests/benchmarks/bench_ui.py [--spans N] [--services N] [--json]

The trace comes from a made-up query service, so its data is there at once; what is
measured is the browser's part: from the data's last byte to the first rows, the number
of elements, and frames while scrolling from end to end.
"""

import argparse
import gzip
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import sync_playwright

from hopline_ui.map_layout import lay_out
from support.browser import OPTIONS, executable
from ui_support import TRACE_ID, ShopAnswers, serve
from ui_support.tree import shop_tree

WATCH_READY = """
new MutationObserver(() => {
  if (!window.readyAt && document.querySelector("#grid[data-ready]")) window.readyAt = performance.now();
}).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-ready"] });
"""

SCROLL = """() => new Promise((done) => {
  const grid = document.getElementById("grid");
  const frames = 120;
  const step = (grid.scrollHeight - grid.clientHeight) / frames;
  const began = performance.now();
  let at = 0;
  requestAnimationFrame(function next() {
    if (at++ === frames) return done(frames / (performance.now() - began) * 1000);
    grid.scrollTop = step * at;
    requestAnimationFrame(next);
  });
})"""

AFTER_DATA = """() => {
  const data = performance.getEntriesByType("resource").find((entry) => entry.name.includes("/api/v1/traces/"));
  return window.readyAt - data.responseEnd;
}"""


def trace_page(spans: int) -> dict[str, Any]:
    """Figures of opening and scrolling a trace of ``spans`` spans at 1400 x 800."""
    answers = ShopAnswers(shop_tree(spans))
    body = json.dumps(answers.trace(TRACE_ID, {"shape": "timeline"})).encode()
    with serve(answers) as served, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(OPTIONS), chromium_sandbox=False)
        page = browser.new_page(viewport={"width": 1400, "height": 800})
        page.add_init_script(WATCH_READY)
        page.goto(f"{served.url}/trace/{TRACE_ID}")
        page.wait_for_selector("#grid[data-ready]")
        figures = {
            "spans": len(answers.tree),
            "data_kb": round(len(body) / 1000),
            "data_gzip_kb": round(len(gzip.compress(body, 5)) / 1000),
            "first_rows_after_data_ms": round(page.evaluate(AFTER_DATA), 1),
            "elements": page.evaluate("document.querySelectorAll('*').length"),
            "scroll_frames_per_s": round(page.evaluate(SCROLL), 1),
        }
        browser.close()
    return figures


def map_layout(services: int) -> dict[str, Any]:
    """Median of five layouts of a random graph in which a service calls 1.7 others on average."""
    chance = random.Random(1)
    edges = [
        (f"s{chance.randrange(max(0, at - 60), at)}", f"s{at}")
        for at in range(1, services)
        for _ in range(chance.choice((1, 2, 2)))
    ]
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        lay_out([], edges)
        taken.append((time.perf_counter() - began) * 1000)
    return {"services": services, "edges": len(set(edges)), "layout_ms": round(sorted(taken)[2], 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=10_000)
    parser.add_argument("--services", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = {"trace": trace_page(asked.spans), "map": map_layout(asked.services)}
    if asked.json:
        print(json.dumps(found))
        return
    for part, figures in found.items():
        print(part)
        for name, value in figures.items():
            print(f"  {name:28} {value:>12,}")


if __name__ == "__main__":
    main()
