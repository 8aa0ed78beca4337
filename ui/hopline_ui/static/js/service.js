// The service page: charts and heatmap over the figures that the page holds.

import { chart } from "./charts.js";
import { duration, rate, share } from "./fmt.js";
import { heatmap } from "./heatmap.js";
import { live } from "./live.js";
import { below, changed } from "./url.js";
import { t } from "./words.js";

const zone = document.documentElement.dataset.zone;
const data = (id) => JSON.parse(document.getElementById(id).textContent);

const CHARTS = {
  latency: { format: duration, least: 1000, lines: [["p50", "p50_us", "svc-0"], ["p95", "p95_us", "svc-13"], ["p99", "p99_us", "svc-7"], ["p99.9", "p999_us", "error"]] },
  rate: { format: (value) => `${rate(value)}`, least: 0.1, lines: [[t("chart.qps"), "qps", "accent"]], area: true },
  errors: { format: share, least: 0.01, lines: [[t("chart.errors"), "error_rate", "error"]], area: true },
};

function onZoom(from, to) {
  location.assign(changed(location.href, { from: Math.round(from * 1e6), to: Math.round(to * 1e6), live: "" }));
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
      marks: figures.versions.map(({ version, first_seen_us: us }) => ({ at: us / 1e6, text: version })),
      onZoom,
    });
  }
  return drawn;
}

function traces(params) {
  const operation = new URL(location.href).searchParams.get("operation");
  const target = new URL(below("/search"), location.href).href;
  location.assign(changed(target, { service: document.getElementById("heat").dataset.service, operation, ...params }));
}

const drawn = draw();
const heat = heatmap(document.getElementById("heat"), () => data("heat-data"), { zone, onBrush: traces });
live(() => {
  const figures = data("chart");
  for (const [name, { lines }] of Object.entries(CHARTS)) drawn[name].update(figures.times, lines.map(([, key]) => figures[key]));
  heat.draw();
});
