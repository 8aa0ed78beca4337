// Calls by time and latency; drag a rectangle to open exactly those traces.

import { colours, drag, fit, keepDrawn } from "./canvas.js";
import { duration, moment } from "./fmt.js";

const LEFT = 64;
const BOTTOM = 18;

/** Columns and rows that a rectangle of the drawing touches. */
export function cellsUnder(rect, width, height, columns, rows) {
  const w = (width - LEFT) / columns;
  const h = (height - BOTTOM) / rows;
  const within = (value, limit) => Math.min(Math.max(Math.floor(value), 0), limit - 1);
  return {
    c0: within((rect.x0 - LEFT) / w, columns),
    c1: within((rect.x1 - LEFT) / w, columns),
    r0: within(rows - rect.y1 / h, rows),
    r1: within(rows - rect.y0 / h, rows),
  };
}

/** Search parameters of cells; the highest row has no upper bound. */
export function paramsOf(data, { c0, c1, r0, r1 }) {
  const top = r1 + 1 < data.edges_us.length - 1 ? `${data.edges_us[r1 + 1]}us` : "";
  return {
    from: data.times[c0],
    to: data.times[c1] + data.step_us,
    min_span_duration: `${data.edges_us[r0]}us`,
    max_span_duration: top,
  };
}

/** @param {HTMLCanvasElement} canvas @param {() => any} current @param {{zone: string, onBrush: (params: any) => void}} options */
export function heatmap(canvas, current, { zone, onBrush }) {
  function draw(rect = null) {
    const data = current();
    const { context, width, height } = fit(canvas);
    const ink = colours(["accent", "error", "muted", "line", "text"]);
    const rows = Math.max(data.edges_us.length - 1, 1);
    const columns = Math.max(data.times.length, 1);
    const w = (width - LEFT) / columns;
    const h = (height - BOTTOM) / rows;
    for (const [column, row, calls, errors] of data.cells) {
      context.globalAlpha = 0.12 + 0.88 * (Math.log1p(calls) / Math.log1p(data.max || 1));
      context.fillStyle = errors ? ink.error : ink.accent;
      context.fillRect(LEFT + column * w, height - BOTTOM - (row + 1) * h, Math.max(w - 1, 1), Math.max(h - 1, 1));
    }
    context.globalAlpha = 1;
    labels(context, data, { width, height, rows, h, ink });
    if (!rect) return;
    context.strokeStyle = ink.text;
    context.strokeRect(rect.x0, rect.y0, rect.x1 - rect.x0, rect.y1 - rect.y0);
  }

  function labels(context, data, { width, height, rows, h, ink }) {
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = ink.muted;
    context.textBaseline = "middle";
    context.textAlign = "right";
    const every = Math.max(1, Math.ceil(22 / h));
    for (let row = 0; row < rows; row += every) {
      const y = height - BOTTOM - row * h - Math.min(h / 2, 6);
      if (y > 6) context.fillText(duration(data.edges_us[row]), LEFT - 8, y);
    }
    if (!data.times.length) return;
    for (const [part, align] of [[0, "left"], [0.5, "center"], [1, "right"]]) {
      const at = data.times[0] + part * (data.times.at(-1) + data.step_us - data.times[0]);
      context.textAlign = align;
      context.fillText(moment(Math.round(at), "stamp", zone).slice(11, 16), LEFT + part * (width - LEFT), height - 7);
    }
  }

  drag(canvas, {
    move: draw,
    done(rect) {
      const data = current();
      onBrush(paramsOf(data, cellsUnder(rect, canvas.clientWidth, canvas.clientHeight, data.times.length, data.edges_us.length - 1)));
    },
    click: () => draw(),
  });
  keepDrawn(canvas, () => draw());
  draw();
  return { draw };
}
