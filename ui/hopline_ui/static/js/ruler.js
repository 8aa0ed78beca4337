// The head of the waterfall: times over the bars, a line under the pointer, drag to zoom, and the column's width.

import { duration } from "./fmt.js";
import { make } from "./waterfall_rows.js";

const PARTS = 4;

/**
 * @param {HTMLElement} element
 * @param {{window: [number, number]}} scene
 * @param {(window: [number, number]) => void} onWindow
 */
export function ruler(element, scene, onWindow) {
  let from = null;
  const at = (event) => {
    const box = element.getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    return scene.window[0] + share * (scene.window[1] - scene.window[0]);
  };
  element.addEventListener("pointerdown", (event) => {
    from = at(event);
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointerup", (event) => {
    if (from === null) return;
    const [low, high] = [Math.min(from, at(event)), Math.max(from, at(event))];
    from = null;
    if (high - low > (scene.window[1] - scene.window[0]) / 200) onWindow([low, high]);
  });
  return {
    draw() {
      const [low, high] = scene.window;
      const marks = [];
      for (let n = 0; n < PARTS; n++) {
        const mark = make("span", "wf-time", duration(Math.round(low + ((high - low) * n) / PARTS)));
        mark.style.left = `${(100 * n) / PARTS}%`;
        marks.push(mark);
      }
      element.replaceChildren(...marks);
    },
  };
}

/** A line under the pointer with its time, over the bars of `grid`. */
export function cursor(grid, head, scene) {
  const line = make("div", "wf-cursor");
  const time = make("span", "wf-cursor-time");
  line.append(time);
  line.hidden = true;
  grid.append(line);
  grid.addEventListener("pointermove", (event) => {
    const box = head.getBoundingClientRect();
    const x = event.clientX - box.left;
    line.hidden = x < 0 || x > box.width;
    if (line.hidden) return;
    const [low, high] = scene.window;
    line.style.left = `${head.offsetLeft + x}px`;
    line.style.top = `${grid.scrollTop}px`;
    line.style.height = `${grid.clientHeight}px`;
    time.textContent = duration(Math.round(low + (x / box.width) * (high - low)));
    line.classList.toggle("flip", x > box.width - 80);
  });
  grid.addEventListener("pointerleave", () => (line.hidden = true));
}

/** Drag or use arrow keys to widen the name column. */
export function splitter(handle, box) {
  let share = 40;
  const set = (value) => {
    share = Math.min(Math.max(value, 15), 70);
    box.style.setProperty("--name-col", `${share}%`);
    handle.setAttribute("aria-valuenow", String(Math.round(share)));
  };
  handle.addEventListener("pointerdown", (event) => {
    handle.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  handle.addEventListener("pointermove", (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const area = box.getBoundingClientRect();
    set((100 * (event.clientX - area.left)) / area.width);
  });
  handle.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    set(share + by);
  });
}
