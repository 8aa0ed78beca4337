// Time series with uPlot: one crosshair over all charts, drag to zoom the range.

import { colours } from "./canvas.js";
import { moment } from "./fmt.js";

const HEIGHT = 180;

/** Values with a gap on both sides, which a line alone would not show. */
function alone(plot, series) {
  const values = plot.data[series];
  return [...values.keys()].filter((i) => values[i] != null && values[i - 1] == null && values[i + 1] == null);
}

/** A dashed line with its text where something began, such as a version of the service. */
function flags(plot, marks, tone) {
  const { ctx: context } = plot;
  const { left, top, width, height } = plot.bbox;
  context.save();
  context.strokeStyle = context.fillStyle = tone;
  context.setLineDash([4, 4]);
  context.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  for (const { at, text } of marks) {
    const x = plot.valToPos(at, "x", true);
    if (x < left || x > left + width) continue;
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x, top + height);
    context.stroke();
    context.fillText(text, x + 4, top + 10 * devicePixelRatio);
  }
  context.restore();
}

/**
 * @param {HTMLElement} place
 * @param {{times: number[], lines: {label: string, values: (number|null)[], tone: string, area?: boolean}[], format: (value: number|null) => string, least: number, zone: string, label: string, marks?: {at: number, text: string}[], onZoom: (from: number, to: number) => void}} options
 * times are seconds; the axis reaches up to `least` even when every value is smaller.
 */
export function chart(place, { times, lines, format, least, zone, label, marks = [], onZoom }) {
  const ink = colours(["muted", "line", ...lines.map((line) => line.tone)]);
  const axis = { stroke: ink.muted, grid: { stroke: ink.line, width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  const stamp = (seconds) => moment(Math.round(seconds * 1e6), "stamp", zone);
  const options = {
    width: place.clientWidth - 16,
    height: HEIGHT,
    cursor: { sync: { key: "service" }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    legend: { live: true },
    scales: { x: { time: true }, y: { range: (_plot, _low, high) => [0, Math.max(high * 1.08, least)] } },
    tzDate: (seconds) => (zone === "local" ? new Date(seconds * 1000) : globalThis.uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC")),
    axes: [{ ...axis, size: 34, gap: 8, values: (_plot, ticks) => ticks.map((s) => stamp(s).slice(11, 16)) }, { ...axis, size: 64, values: (_plot, ticks) => ticks.map(format) }],
    series: [
      { label, value: (_plot, s) => (s === null ? "–" : stamp(s)) },
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
      draw: [(plot) => flags(plot, marks, ink.muted)],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < 4) return;
          onZoom(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
        },
      ],
    },
  };
  const plot = new globalThis.uPlot(options, [times, ...lines.map((line) => line.values)], place);
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth - 16, height: HEIGHT })).observe(place);
  return { update: (newTimes, values) => plot.setData([newTimes, ...values]) };
}
