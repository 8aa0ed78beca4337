// The head of the waterfall: times over the bars, and the width of the name column.

import { duration } from "./fmt.js";
import { make } from "./waterfall_rows.js";

const PARTS = 4;

/** @param {HTMLElement} element @param {{window: [number, number]}} scene */
export function ruler(element, scene) {
  return {
    draw() {
      const [from, to] = scene.window;
      const marks = [];
      for (let n = 0; n < PARTS; n++) {
        const mark = make("span", "wf-time", duration(Math.round(from + ((to - from) * n) / PARTS)));
        mark.style.left = `${(100 * n) / PARTS}%`;
        marks.push(mark);
      }
      element.replaceChildren(...marks);
    },
  };
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
