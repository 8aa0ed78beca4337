"""Scripts that measure inside the browser; times are milliseconds since the navigation began."""

from typing import Final

BEFORE: Final = """
window.shift = 0;
new PerformanceObserver((list) => {
  for (const e of list.getEntries()) if (!e.hadRecentInput) window.shift += e.value;
}).observe({ type: "layout-shift", buffered: true });
window.rowsAt = null;
new MutationObserver(() => {
  const now = performance.now();
  if (!window.rowsAt && document.querySelector("#rows [role=row]")) window.rowsAt = now;
  if (!window.wholeAt && document.querySelector("#grid[data-ready]")) window.wholeAt = now;
}).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-ready"] });
"""
"""Run in every page before its own scripts."""

ELEMENTS: Final = "document.querySelectorAll('*').length"
PAINT: Final = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
SHIFT: Final = "window.shift"
ROWS: Final = "window.rowsAt"
WHOLE: Final = "window.wholeAt"

FRAMES: Final = """const frames = (step, count = 90) => new Promise((done) => {
  let at = 0;
  const began = performance.now();
  requestAnimationFrame(function next() {
    if (at === count) return done(count / (performance.now() - began) * 1000);
    step(at++, count);
    requestAnimationFrame(next);
  });
});"""

SCROLL: Final = f"""() => {{ {FRAMES}
  const grid = document.getElementById("grid");
  return frames((at, count) => {{ grid.scrollTop = (grid.scrollHeight - grid.clientHeight) * (at + 1) / count; }});
}}"""

DRAG_MAP: Final = f"""() => {{ {FRAMES}
  const view = document.getElementById("map-view");
  const box = view.getBoundingClientRect();
  const fire = (name, x, y) => view.dispatchEvent(new PointerEvent(name,
    {{ bubbles: true, button: 0, clientX: box.x + box.width / 2 + x, clientY: box.y + box.height / 2 + y }}));
  fire("pointerdown", 0, 0);
  return frames((at) => fire("pointermove", 200 * Math.sin(at / 9), 120 * Math.cos(at / 7))).then((found) => {{
    fire("pointerup", 0, 0);
    return found;
  }});
}}"""

ZOOM_MAP: Final = f"""() => {{ {FRAMES}
  const view = document.getElementById("map-view");
  return frames((at) => view.dispatchEvent(new WheelEvent("wheel",
    {{ bubbles: true, cancelable: true, ctrlKey: true, deltaY: at % 12 < 6 ? -100 : 100 }})), 48);
}}"""

FIND: Final = """(words) => new Promise((done, failed) => {
  const line = document.getElementById("found");
  const box = document.getElementById("find");
  const began = performance.now();
  setTimeout(() => failed(new Error(`find of "${words}": after 60 s the page says "${line.textContent}", with `
    + `${document.querySelectorAll("#rows .match").length} marked rows`)), 60000);
  new MutationObserver(() => {
    if (/[1-9]/.test(line.textContent) && document.querySelector("#rows .match")) done(performance.now() - began);
  }).observe(document.getElementById("wf").parentElement.parentElement,
    { subtree: true, childList: true, characterData: true, attributes: true });
  box.value = words;
  box.dispatchEvent(new Event("input", { bubbles: true }));
})"""
"""Milliseconds until the first hit is counted and marked; rejected with what the page shows when none comes in 60 s."""

CARRIED: Final = """() => performance.getEntriesByType("resource")
  .filter((entry) => /[.](js|css)$/.test(new URL(entry.name).pathname))
  .reduce((sum, entry) => sum + entry.encodedBodySize, 0) / 1000"""
"""Script and style of a page in kB, as they came over the wire: compressed."""
