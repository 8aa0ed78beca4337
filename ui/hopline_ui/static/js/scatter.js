// Traces by time and duration; drag a rectangle to list exactly those.

import { colours, drag, fit, keepDrawn } from "./canvas.js";
import { moment, tick } from "./fmt.js";

const LEFT = 56;
const BOTTOM = 18;
const TOP = 6;

/** Position of points in a box, durations on a logarithmic scale; and back. */
export function scale(points, width, height) {
  const times = points.map((p) => p.start_us);
  const lengths = points.map((p) => Math.max(p.duration_us ?? 0, 1));
  const [t0, t1] = spread(Math.min(...times), Math.max(...times), 1e6);
  const low = Math.log(Math.min(...lengths)) - 0.2;
  const high = Math.log(Math.max(...lengths)) + 0.2;
  const w = width - LEFT - 8;
  const h = height - TOP - BOTTOM;
  return {
    x: (us) => LEFT + ((us - t0) / (t1 - t0)) * w,
    y: (us) => TOP + h - ((Math.log(Math.max(us, 1)) - low) / (high - low)) * h,
    time: (x) => t0 + ((Math.min(Math.max(x, LEFT), LEFT + w) - LEFT) / w) * (t1 - t0),
    length: (y) => Math.exp(low + ((TOP + h - Math.min(Math.max(y, TOP), TOP + h)) / h) * (high - low)),
  };
}

/** Durations of 1, 2 and 5 times a power of ten between two, thinned out to at most `most`. */
export function rounds(low, high, most) {
  const found = [];
  for (let power = 10 ** Math.floor(Math.log10(Math.max(low, 1))); power <= high; power *= 10) {
    for (const times of [1, 2, 5]) if (power * times >= low && power * times <= high) found.push(power * times);
  }
  const every = Math.ceil(found.length / Math.max(most, 1));
  return found.filter((_, i) => i % every === 0);
}

function spread(low, high, least) {
  const add = Math.max((high - low) * 0.02, least);
  return [low - add, high + add];
}

/** The search parameters of a rectangle: rounded outward, so that every point in it is found. */
export function brushed(scales, rect) {
  return {
    from: Math.floor(scales.time(rect.x0)),
    to: Math.ceil(scales.time(rect.x1)) + 1,
    min_duration: `${Math.floor(scales.length(rect.y1))}us`,
    max_duration: `${Math.ceil(scales.length(rect.y0))}us`,
  };
}

/** @param {HTMLCanvasElement} canvas @param {any[]} points @param {{zone: string, onBrush: (params: any) => void, onOpen: (id: string) => void}} options */
export function scatter(canvas, points, { zone, onBrush, onOpen }) {
  let scales = null;

  function draw(rect = null) {
    const { context, width, height } = fit(canvas);
    const ink = colours(["accent", "error", "line", "muted"]);
    scales = scale(points, width, height);
    axes(context, width, height, ink);
    for (const point of [...points].sort((a, b) => (a.errors ? 1 : 0) - (b.errors ? 1 : 0))) dot(context, point, ink);
    if (!rect) return;
    context.globalAlpha = 0.15;
    context.fillStyle = ink.accent;
    context.fillRect(rect.x0, rect.y0, rect.x1 - rect.x0, rect.y1 - rect.y0);
    context.globalAlpha = 1;
    context.strokeStyle = ink.accent;
    context.strokeRect(rect.x0, rect.y0, rect.x1 - rect.x0, rect.y1 - rect.y0);
  }

  function axes(context, width, height, ink) {
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = ink.muted;
    context.strokeStyle = ink.line;
    context.textBaseline = "middle";
    for (const us of rounds(scales.length(height - BOTTOM), scales.length(TOP), (height - TOP - BOTTOM) / 24)) {
      const y = scales.y(us);
      context.textAlign = "right";
      context.fillText(tick(us), LEFT - 8, y);
      context.beginPath();
      context.moveTo(LEFT, y);
      context.lineTo(width - 8, y);
      context.stroke();
    }
    for (const part of [0, 0.5, 1]) {
      const x = LEFT + (width - LEFT - 8) * part;
      context.textAlign = ["left", "center", "right"][part * 2];
      context.fillText(moment(Math.round(scales.time(x)), "stamp", zone).slice(5), x, height - 7);
    }
  }

  function dot(context, point, ink) {
    context.globalAlpha = 0.7;
    context.fillStyle = point.errors ? ink.error : ink.accent;
    context.beginPath();
    const radius = Math.min(2 + Math.sqrt(point.spans) / 2, 8);
    context.arc(scales.x(point.start_us), scales.y(point.duration_us ?? 1), radius, 0, 7);
    context.fill();
    context.globalAlpha = 1;
  }

  function nearest({ x, y }) {
    let best = null;
    let least = 144;
    for (const point of points) {
      const away = (scales.x(point.start_us) - x) ** 2 + (scales.y(point.duration_us ?? 1) - y) ** 2;
      if (away < least) [best, least] = [point, away];
    }
    return best;
  }

  drag(canvas, {
    move: draw,
    done: (rect) => onBrush(brushed(scales, rect)),
    click(point) {
      const found = nearest(point);
      if (found) onOpen(found.trace_id);
      else draw();
    },
  });
  keepDrawn(canvas, () => draw());
  draw();
}
