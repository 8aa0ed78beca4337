import assert from "node:assert/strict";
import { test } from "node:test";
import { rectangle } from "../../../ui/hopline_ui/static/js/canvas.js";
import { clocks } from "../../../ui/hopline_ui/static/js/charts.js";
import { cellsUnder, coarser, moved, paramsOf, sumOf } from "../../../ui/hopline_ui/static/js/heat_model.js";
import { delay } from "../../../ui/hopline_ui/static/js/poll.js";
import { walked } from "../../../ui/hopline_ui/static/js/results.js";
import { apart } from "../../../ui/hopline_ui/static/js/map_scale.js";
import { fieldValue, instantOf } from "../../../ui/hopline_ui/static/js/range.js";
import { brushed, rounds, scale } from "../../../ui/hopline_ui/static/js/scatter.js";
import { ticks } from "../../../ui/hopline_ui/static/js/ruler.js";
import { byService } from "../../../ui/hopline_ui/static/js/strip.js";
import { changed } from "../../../ui/hopline_ui/static/js/url.js";
import { range } from "../../../ui/hopline_ui/static/js/virtual.js";
import { ignored } from "../../../ui/hopline_ui/static/js/waterfall_keys.js";
import { t } from "../../../ui/hopline_ui/static/js/words.js";

test("U2: the address changes only where asked", () => {
  assert.equal(changed("http://h/x?a=1&b=2", { a: "", c: 3 }), "http://h/x?b=2&c=3");
});

test("U1: asking again backs off, up to two minutes", () => {
  assert.deepEqual([0, 1, 2, 3, 9].map((n) => delay(10, n)), [10, 20, 40, 80, 120]);
});

test("U9: only rows in sight and a few beyond are drawn", () => {
  assert.deepEqual(range(0, 480, 24, 10_000), [0, 23]);
  assert.deepEqual(range(24_000, 480, 24, 10_000), [997, 1023]);
  assert.deepEqual(range(0, 480, 24, 3), [0, 3]);
  assert.deepEqual(range(0, 480, 24, 0), [0, 0]);
});

test("U3: a dragged rectangle stays within its canvas, whichever way it was dragged", () => {
  assert.deepEqual(rectangle({ x: 90, y: 5 }, { x: -10, y: 80 }, 100, 50), { x0: 0, x1: 90, y0: 5, y1: 50 });
});

test("U3: a brushed rectangle finds exactly the points in it", () => {
  const points = Array.from({ length: 200 }, (_, n) => ({ start_us: 1e15 + n * 7_777_777, duration_us: 100 + ((n * 7919) % 100_000) }));
  const scales = scale(points, 900, 150);
  const rect = { x0: 200, x1: 520, y0: 30, y1: 90 };
  const { from, to, min_duration, max_duration } = brushed(scales, rect);
  for (const point of points) {
    const x = scales.x(point.start_us);
    const y = scales.y(point.duration_us);
    const inside = x >= rect.x0 && x <= rect.x1 && y >= rect.y0 && y <= rect.y1;
    const found = point.start_us >= from && point.start_us <= to && point.duration_us >= parseInt(min_duration) && point.duration_us <= parseInt(max_duration);
    assert.ok(!inside || found);
  }
});

test("U3: one point alone has a place", () => {
  const scales = scale([{ start_us: 5, duration_us: null }], 900, 150);
  assert.ok(Number.isFinite(scales.x(5)) && Number.isFinite(scales.y(1)));
});

test("L5: a brush over the heatmap asks for the cells under it, entry calls of the range, the top row without bound", () => {
  const data = { times: [100, 200, 300, 400], step_us: 100, to_us: 490, edges_us: [0, 10, 20, 40] };
  const whole = { x0: 64, x1: 464, y0: 0, y1: 182 };
  assert.deepEqual(cellsUnder(whole, 464, 200, 4, 3), { c0: 0, c1: 3, r0: 0, r1: 2 });
  assert.deepEqual(paramsOf(data, { c0: 0, c1: 3, r0: 0, r1: 2 }), { entry: "true", from: 100, to: 490, min_span_duration: "0us", max_span_duration: "" });
  assert.deepEqual(paramsOf(data, { c0: 1, c1: 1, r0: 1, r1: 1 }), { entry: "true", from: 200, to: 300, min_span_duration: "10us", max_span_duration: "19us" });
});

test("U4: keys are left alone while typing and with control or command", () => {
  const on = (selector, keys = {}) => ({ target: { closest: (asked) => asked.includes(selector) }, ...keys });
  assert.equal(ignored(on("input")), true);
  assert.equal(ignored(on("nothing")), false);
  assert.equal(ignored(on("nothing", { ctrlKey: true })), true);
});

test("U11: an unknown word shows its key", () => {
  assert.equal(t("no {n}", { n: 3 }), "no 3");
});

test("U4: the ruler names round times", () => {
  assert.deepEqual(ticks([0, 1000], 5), [0, 200, 400, 600, 800]);
  assert.deepEqual(ticks([130, 470], 5), [200, 300, 400]);
  assert.ok(ticks([0, 3], 5).length <= 3);
});

test("U4: the request strip adds the critical path up by service, and all of it", () => {
  const m = { services: ["a", "b"], columns: { service: [0, 1, 0], peer: ["", "", ""] } };
  const path = [[0, 0, 10], [1, 10, 50], [2, 50, 55]];
  assert.deepEqual(byService(m, path), [["b", 40], ["a", 15]]);
});

test("L5: rows too low to be seen are put together, and no call is lost or moved across an edge", () => {
  const cells = Array.from({ length: 70 }, (_, row) => [row % 3, row, row + 1, row % 2]);
  const data = { times: [0, 10, 20], step_us: 10, to_us: 30, edges_us: Array.from({ length: 71 }, (_, i) => 100 + i), cells, max: 70 };
  const drawn = coarser(data, 20);
  assert.ok(drawn.edges_us.length - 1 <= 20);
  const all = { c0: 0, c1: 2, r0: 0, r1: 99 };
  assert.deepEqual(sumOf(drawn, all), sumOf(data, all));
  for (let row = 0; row < drawn.edges_us.length - 1; row++) {
    const asked = paramsOf(drawn, { c0: 1, c1: 1, r0: row, r1: row });
    const low = parseInt(asked.min_span_duration);
    const high = asked.max_span_duration ? parseInt(asked.max_span_duration) : Infinity;
    const calls = cells.filter(([column, r]) => column === 1 && data.edges_us[r] >= low && data.edges_us[r] <= high).reduce((sum, cell) => sum + cell[2], 0);
    assert.equal(sumOf(drawn, { c0: 1, c1: 1, r0: row, r1: row }).calls, calls);
  }
  assert.equal(coarser(data, 100), data);
});

test("L5: arrow keys walk the cells and stop at the edges", () => {
  assert.deepEqual(moved({ column: 0, row: 0 }, "ArrowLeft", 3, 3), { column: 0, row: 0 });
  assert.deepEqual(moved({ column: 0, row: 0 }, "ArrowUp", 3, 3), { column: 0, row: 1 });
  assert.equal(moved({ column: 0, row: 0 }, "x", 3, 3), null);
});

test("U3: the scatter's scale names 1, 2 and 5 times powers of ten", () => {
  assert.deepEqual(rounds(900, 12_000, 9), [1000, 2000, 5000, 10_000]);
  assert.ok(rounds(1, 1e9, 5).length <= 5);
});

test("U3: j and k walk a list and stop at its ends", () => {
  assert.deepEqual([walked("j", -1, 3), walked("j", 2, 3), walked("k", 0, 3), walked("k", 2, 3)], [0, 2, 0, 1]);
});

test("U6: of labels that would cover each other the more important one stands", () => {
  const box = (x, y) => ({ x, y, width: 10, height: 10 });
  assert.deepEqual(apart([box(0, 0), box(5, 5), box(20, 0), box(0, 13)]), [box(0, 0), box(20, 0), box(0, 13)]);
});

test("U2: a calendar field is read and filled in the zone that is shown", () => {
  const us = Date.UTC(2026, 10, 27, 16, 5, 9) * 1000;
  assert.equal(fieldValue(us, "utc"), "2026-11-27T16:05:09");
  assert.equal(instantOf("2026-11-27T16:05:09", "utc"), "2026-11-27T16:05:09Z");
  assert.equal(instantOf(fieldValue(us, "local"), "local"), "2026-11-27T16:05:09Z");
  assert.equal(instantOf("", "utc"), "");
});

test("U7: no two ticks of a chart say the same time", () => {
  const stamp = (seconds) => new Date(seconds * 1000).toISOString().replace("T", " ");
  assert.deepEqual(clocks([0, 60, 120], stamp), ["00:00", "00:01", "00:02"]);
  assert.deepEqual(clocks([30, 60, 90], stamp), ["00:00:30", "00:01:00", "00:01:30"]);
  assert.deepEqual(clocks([], stamp), []);
});
