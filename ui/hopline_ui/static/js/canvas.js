// What our canvases share: sharp pixels, colours from the style sheet, dragging a rectangle.

/** Fit the canvas to its place and the screen's pixels; returns its context in CSS pixels. */
export function fit(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { width, height } = canvas.getBoundingClientRect();
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return { context, width, height };
}

/** Real colours of tokens: a canvas cannot read `light-dark()`. @param {string[]} names without their dashes */
export function colours(names) {
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const found = {};
  for (const name of names) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

/** Call `redraw` when the canvas changes size or the theme changes. */
export function keepDrawn(canvas, redraw) {
  new ResizeObserver(redraw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

/** A rectangle from two corners, kept within the box. */
export function rectangle(a, b, width, height) {
  const within = (value, limit) => Math.min(Math.max(value, 0), limit);
  const [x0, x1] = [within(Math.min(a.x, b.x), width), within(Math.max(a.x, b.x), width)];
  const [y0, y1] = [within(Math.min(a.y, b.y), height), within(Math.max(a.y, b.y), height)];
  return { x0, x1, y0, y1 };
}

/**
 * Drag a rectangle over the canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {{move: (rect: {x0: number, x1: number, y0: number, y1: number}) => void, done: (rect: any) => void, click?: (point: {x: number, y: number}) => void}} handlers
 */
export function drag(canvas, { move, done, click = () => {} }) {
  let start = null;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const area = (event) => rectangle(start, at(event), canvas.clientWidth, canvas.clientHeight);
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    start = at(event);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => start && move(area(event)));
  canvas.addEventListener("pointercancel", () => (start = null));
  canvas.addEventListener("pointerup", (event) => {
    if (!start) return;
    const rect = area(event);
    const point = start;
    start = null;
    if (rect.x1 - rect.x0 < 4 && rect.y1 - rect.y0 < 4) click(point);
    else done(rect);
  });
}
