// The service page: charts and heatmap over the figures that the page holds.

import { chart } from "./charts.js";
import { explaining, periodOf, versionOf, whyOf } from "./explain.js";
import { duration, rate, share } from "./fmt.js";
import { heatmap } from "./heatmap.js";
import { live } from "./live.js";
import { below, changed, param } from "./url.js";
import { t } from "./words.js";

const zone = document.documentElement.dataset.zone;
const data = (id) => JSON.parse(document.getElementById(id).textContent);

const CHARTS = {
  latency: { format: duration, least: 1000, lines: [["p50", "p50_us", "svc-0"], ["p95", "p95_us", "svc-13"], ["p99", "p99_us", "svc-7"], ["p99.9", "p999_us", "error"]] },
  rate: { format: (value) => `${rate(value)}`, least: 0.1, lines: [[t("chart.qps"), "qps", "accent"]], area: true },
  errors: { format: share, least: 0.01, lines: [[t("chart.errors"), "error_rate", "error"]], area: true },
};

const service = document.getElementById("heat").dataset.service;
const explains = explaining(document.getElementById("drag"));

/** Start and end of what the charts show, in microseconds. */
function shown() {
  const { times, step_us: step } = data("chart");
  return [Math.round(times[0] * 1e6), Math.round(times.at(-1) * 1e6) + step];
}

/** A dragged stretch of a chart becomes the page's range, or is explained; of the errors' chart its failures are. */
function brushed(name, from, to) {
  const period = [Math.round(from * 1e6), Math.round(to * 1e6)];
  const errors = name === "errors" ? "true" : "";
  if (explains()) location.assign(whyOf(service, { ...periodOf(period, shown()), errors }));
  else location.assign(changed(location.href, { from: period[0], to: period[1], live: "" }));
}

function marksOf({ versions }) {
  return versions.map(({ version, first_seen_us: us }, at) => ({
    at: us / 1e6, text: version, href: whyOf(service, versionOf(versions, at, shown())), title: t("version_why", { version }),
  }));
}

/** What is drawn beside the lines of a chart: the slot still filling, the period before, the operator's levels. */
function extrasOf(name) {
  const figures = data("chart");
  const keys = CHARTS[name].lines.map(([, key]) => key);
  const zip = (times, values) => times.map((at, i) => [at, values[i]]);
  return {
    tails: keys.map((key) => zip(figures.times, figures.filling[key])),
    ghosts: figures.ghost ? keys.map((key) => zip(figures.ghost.times, figures.ghost[key])) : [],
    levels: figures.levels[name] ?? [],
  };
}

function draw() {
  const figures = data("chart");
  const drawn = {};
  for (const [name, { format, least, lines, area = false }] of Object.entries(CHARTS)) {
    drawn[name] = chart(document.getElementById(`chart-${name}`), {
      times: figures.times,
      lines: lines.map(([label, key, tone]) => ({ label, values: figures[key], tone, area })),
      format,
      least,
      zone,
      label: t("chart.time"),
      extras: () => extrasOf(name),
      marks: marksOf(figures),
      onBrush: (from, to) => brushed(name, from, to),
    });
  }
  return drawn;
}

function area({ entry, ...params }) {
  const target = new URL(below("/search"), location.href).href;
  const found = { service, operation: param("operation"), env: param("env"), entry, ...params };
  location.assign(explains() ? whyOf(service, params) : changed(target, found));
}

const drawn = draw();
const heat = heatmap(document.getElementById("heat"), () => data("heat-data"), { zone, onBrush: area });
live(() => {
  const figures = data("chart");
  for (const [name, { lines }] of Object.entries(CHARTS)) drawn[name].update(figures.times, lines.map(([, key]) => figures[key]));
  heat.draw();
});
