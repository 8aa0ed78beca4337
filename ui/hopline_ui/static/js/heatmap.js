// Calls by time and latency: hover or arrow keys tell a cell's calls, a click or a dragged rectangle opens exactly those.

import { colours, drag, fit, keepDrawn } from "./canvas.js";
import { count, duration, moment, share } from "./fmt.js";
import { BOTTOM, cellsUnder, coarser, LEFT, moved, paramsOf, sumOf } from "./heat_model.js";
import { t } from "./words.js";

/** Least height of a row that can be seen and hit. */
const ROW = 6;

/** @param {HTMLCanvasElement} canvas @param {() => any} current @param {{zone: string, onBrush: (params: any) => void}} options */
export function heatmap(canvas, current, { zone, onBrush }) {
  const tip = document.getElementById("heat-tip");
  let data = null;
  let cursor = null;

  function shape() {
    return { columns: Math.max(data.times.length, 1), rows: Math.max(data.edges_us.length - 1, 1) };
  }

  function draw(rect = null) {
    const { context, width, height } = fit(canvas);
    data = coarser(current(), Math.floor((height - BOTTOM) / ROW));
    const ink = colours(["accent", "error", "muted", "text", "panel"]);
    const { columns, rows } = shape();
    const box = { w: (width - LEFT) / columns, h: (height - BOTTOM) / rows, height, width };
    for (const cell of data.cells) paint(context, cell, box, ink);
    context.globalAlpha = 1;
    scale(context, box, ink);
    if (rect) outline(context, rect, ink);
    if (cursor) outline(context, areaOf(cursor, box), ink);
  }

  /** Stronger with more calls; its red part is the share that failed. */
  function paint(context, [column, row, calls, errors], { w, h, height }, ink) {
    const x = LEFT + column * w;
    const y = height - BOTTOM - (row + 1) * h;
    const [wide, high] = [Math.max(w - 1, 1), Math.max(h - 1, 1)];
    context.globalAlpha = 0.28 + 0.72 * (Math.log1p(calls) / Math.log1p(data.max || 1));
    context.fillStyle = ink.accent;
    context.fillRect(x, y, wide, high);
    if (!errors) return;
    const part = Math.max((wide * errors) / calls, 1.5);
    context.globalAlpha = 1;
    context.fillStyle = ink.error;
    context.fillRect(x + wide - part, y, part, high);
  }

  function areaOf({ column, row }, { w, h, height }) {
    return { x0: LEFT + column * w, x1: LEFT + (column + 1) * w, y0: height - BOTTOM - (row + 1) * h, y1: height - BOTTOM - row * h };
  }

  function outline(context, rect, ink) {
    context.strokeStyle = ink.text;
    context.lineWidth = 1.5;
    context.strokeRect(rect.x0, rect.y0, rect.x1 - rect.x0, rect.y1 - rect.y0);
  }

  function scale(context, { width, height, h }, ink) {
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = ink.muted;
    context.textBaseline = "middle";
    context.textAlign = "right";
    const every = Math.max(1, Math.ceil(22 / h));
    for (let row = 0; row < data.edges_us.length - 1; row += every) {
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

  /** What the cells of an area hold, in words under the drawing. */
  function tell(area) {
    const params = paramsOf(data, area);
    const { calls, errors } = sumOf(data, area);
    const high = area.r1 + 1 < data.edges_us.length - 1 ? duration(data.edges_us[area.r1 + 1]) : "∞";
    const time = (us) => moment(us, "short", zone);
    tip.textContent = t("heat_cell", {
      from: time(params.from), to: time(params.to), low: duration(data.edges_us[area.r0]), high,
      calls: count(calls), errors: count(errors), share: calls ? share(errors / calls) : share(0),
    });
  }

  const areaAt = (rect) => {
    const { columns, rows } = shape();
    return cellsUnder(rect, canvas.clientWidth, canvas.clientHeight, columns, rows);
  };
  const point = ({ x, y }) => areaAt({ x0: x, x1: x, y0: y, y1: y });
  const open = (area) => sumOf(data, area).calls && onBrush(paramsOf(data, area));

  function hover(event) {
    if (event.buttons) return;
    const box = canvas.getBoundingClientRect();
    const at = { x: event.clientX - box.left, y: event.clientY - box.top };
    if (at.x < LEFT || at.y > box.height - BOTTOM) return leave();
    const area = point(at);
    cursor = { column: area.c0, row: area.r0 };
    draw();
    tell(area);
  }

  function leave() {
    cursor = null;
    tip.textContent = tip.dataset.hint;
    draw();
  }

  function press(event) {
    const { columns, rows } = shape();
    const at = cursor ?? { column: columns - 1, row: 0 };
    const area = { c0: at.column, c1: at.column, r0: at.row, r1: at.row };
    if (event.key === "Enter" && cursor) return open(area);
    const next = moved(at, event.key, columns, rows);
    if (!next) return;
    event.preventDefault();
    cursor = next;
    draw();
    tell({ c0: next.column, c1: next.column, r0: next.row, r1: next.row });
  }

  canvas.addEventListener("pointermove", hover);
  canvas.addEventListener("pointerleave", leave);
  canvas.addEventListener("keydown", press);
  canvas.addEventListener("blur", leave);
  drag(canvas, {
    move(rect) {
      cursor = null;
      draw(rect);
      tell(areaAt(rect));
    },
    done: (rect) => open(areaAt(rect)),
    click: (at) => open(point(at)),
  });
  keepDrawn(canvas, () => draw());
  draw();
  return { draw: () => draw() };
}
