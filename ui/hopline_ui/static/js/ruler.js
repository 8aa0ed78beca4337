// The head of the waterfall: times over the bars, a line under the pointer, drag to zoom, and the column's width.

import { duration } from "./fmt.js";
import { make } from "./waterfall_rows.js";

/** Pixels that a time over the bars takes with the room around it. */
const ROOM = 110;

/**
 * @param {HTMLElement} element
 * @param {import("./waterfall_scene.js").Scene} scene
 * @param {(window: [number, number]) => void} onWindow
 */
export function ruler(element, scene, onWindow) {
  let from = null;
  const band = make("span", "wf-band");
  const shareOf = (event) => {
    const box = element.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
  };
  const time = (share) => scene.window[0] + share * (scene.window[1] - scene.window[0]);
  const stop = () => {
    from = null;
    band.remove();
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    from = shareOf(event);
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    if (from === null) return;
    const [low, high] = [Math.min(from, shareOf(event)), Math.max(from, shareOf(event))];
    band.style.left = `${low * 100}%`;
    band.style.width = `${(high - low) * 100}%`;
    band.textContent = duration(Math.round(time(high) - time(low)));
    element.append(band);
  });
  element.addEventListener("pointercancel", stop);
  element.addEventListener("pointerup", (event) => {
    if (from === null) return;
    const [low, high] = [Math.min(from, shareOf(event)), Math.max(from, shareOf(event))];
    stop();
    if (high - low > 1 / 200) onWindow([time(low), time(high)]);
  });
  const draw = () => {
    const [low, high] = scene.window;
    // The window's start is always named; a round time too near to it would stand over it.
    const times = [low, ...ticks(scene.window, Math.max(1, Math.floor((element.clientWidth || 600) / ROOM))).filter((at) => at - low > (high - low) / 8)];
    const marks = times.map((at) => {
      const mark = make("span", "wf-time", duration(Math.round(at)));
      mark.style.left = `${(100 * (at - low)) / (high - low)}%`;
      return mark;
    });
    element.replaceChildren(...marks);
  };
  scene.on("window", draw);
  new ResizeObserver(draw).observe(element);
  draw();
}

/** About `parts` round times (1, 2 or 5 times a power of ten) within a window, its start first when that is 0. */
export function ticks([low, high], parts) {
  const rough = (high - low) / parts;
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const step = power * [1, 2, 5, 10].find((times) => times * power >= rough);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at < high - step / 4; at += step) found.push(at);
  return found;
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
  // The panel opening beside it moves what is under the pointer.
  new ResizeObserver(() => (line.hidden = true)).observe(grid);
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
