// Time series with uPlot: one crosshair over all charts, drag to zoom the range.

import { colours } from "./canvas.js";
import { markLinks } from "./chart_marks.js";
import { moment } from "./fmt.js";

const HEIGHT = 180;

/** The crosshair is shared by all charts, a brush belongs to one. */
const SHARED = { key: "service", filters: { pub: (type) => type !== "mousedown" && type !== "mouseup" } };

/** Values with a gap on both sides, which a line alone would not show. */
function alone(plot, series) {
  const values = plot.data[series];
  return [...values.keys()].filter((i) => values[i] != null && values[i - 1] == null && values[i + 1] == null);
}

/** A dashed line through `points` of `[seconds, value]`: the slot still filling, or the period compared with. */
function dashed(plot, points, tone, pattern) {
  const { ctx: context, bbox } = plot;
  context.save();
  context.beginPath();
  context.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  context.clip();
  context.strokeStyle = tone;
  context.lineWidth = 1.25 * devicePixelRatio;
  context.setLineDash(pattern.map((length) => length * devicePixelRatio));
  context.beginPath();
  let pen = false;
  for (const [at, value] of points) {
    if (value === null) {
      pen = false;
      continue;
    }
    const [x, y] = [plot.valToPos(at, "x", true), plot.valToPos(value, "y", true)];
    if (pen) context.lineTo(x, y);
    else context.moveTo(x, y);
    pen = true;
  }
  context.stroke();
  context.restore();
}

/** A level that an operator set, where it lies within what is drawn. */
function level(plot, value, tone) {
  const { min, max } = plot.scales.y;
  if (value < min || value > max) return;
  const points = [[plot.scales.x.min, value], [plot.scales.x.max, value]];
  dashed(plot, points, tone, [1, 3]);
}

/** A dashed line from top to bottom where something began, such as a version of the service. */
function upright(plot, x, tone) {
  const { ctx: context } = plot;
  const { top, height } = plot.bbox;
  context.save();
  context.strokeStyle = tone;
  context.setLineDash([4, 4]);
  context.beginPath();
  context.moveTo(x, top);
  context.lineTo(x, top + height);
  context.stroke();
  context.restore();
}

/** The highest value drawn beside the lines. */
function topOf({ tails, ghosts }) {
  return [...tails, ...ghosts].flat().reduce((most, [, value]) => Math.max(most, value ?? 0), 0);
}

/** Times of ticks, no two alike: with seconds where some are less than a minute apart. */
export function clocks(ticks, stamp) {
  const end = ticks.some((s) => s % 60 !== 0) ? 19 : 16;
  return ticks.map((s) => stamp(s).slice(11, end));
}

/**
 * @param {HTMLElement} place
 * @param {{times: number[], lines: {label: string, values: (number|null)[], tone: string, area?: boolean}[], format: (value: number|null) => string, least: number, zone: string, label: string, extras: () => {tails: [number, number|null][][], ghosts: [number, number|null][][], levels: number[]}, marks?: {at: number, text: string, href: string, title: string}[], onBrush: (from: number, to: number) => void}} options
 * times are seconds; the axis reaches up to `least` even when every value is smaller.
 */
export function chart(place, { times, lines, format, least, zone, label, extras, marks = [], onBrush }) {
  const ink = colours(["muted", "line", ...lines.map((line) => line.tone)]);
  const axis = { stroke: ink.muted, grid: { stroke: ink.line, width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  const stamp = (seconds) => moment(Math.round(seconds * 1e6), "stamp", zone);
  const options = {
    width: place.clientWidth - 16,
    height: HEIGHT,
    cursor: { sync: SHARED, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    legend: { live: true },
    scales: { x: { time: true }, y: { range: (_plot, _low, high) => [0, Math.max(high * 1.08, topOf(extras()) * 1.04, least)] } },
    tzDate: (seconds) => (zone === "local" ? new Date(seconds * 1000) : globalThis.uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC")),
    axes: [{ ...axis, size: 34, gap: 8, space: 66, values: (_plot, ticks) => clocks(ticks, stamp) }, { ...axis, size: 64, values: (_plot, ticks) => ticks.map(format) }],
    series: [
      { label, value: (_plot, s) => (s === null ? "–" : stamp(s).slice(11, 19)) },
      ...lines.map((line) => ({
        label: line.label,
        stroke: ink[line.tone],
        width: 1.5,
        fill: line.area ? ink[line.tone].replace("rgb(", "rgba(").replace(")", ", 0.14)") : undefined,
        value: (_plot, value) => format(value),
        points: { show: true, size: 4, filter: alone },
      })),
    ],
    hooks: {
      draw: [
        (plot) => {
          const { tails, ghosts, levels } = extras();
          tails.forEach((points, i) => dashed(plot, points, ink[lines[i].tone], [3, 3]));
          ghosts.forEach((points, i) => dashed(plot, points, ink[lines[i].tone].replace("rgb(", "rgba(").replace(")", ", 0.6)"), [6, 4]));
          for (const value of levels) level(plot, value, ink.muted);
        },
      ],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < 4) return;
          onBrush(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
        },
      ],
    },
    plugins: [markLinks(marks, (plot, x) => upright(plot, x, ink.muted))],
  };
  const plot = new globalThis.uPlot(options, [times, ...lines.map((line) => line.values)], place);
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth - 16, height: HEIGHT })).observe(place);
  return { update: (newTimes, values) => plot.setData([newTimes, ...values]) };
}
