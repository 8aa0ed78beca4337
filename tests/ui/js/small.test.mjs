import assert from "node:assert/strict";
import { test } from "node:test";
import { rectangle } from "../../../ui/hopline_ui/static/js/canvas.js";
import { cellsUnder, paramsOf } from "../../../ui/hopline_ui/static/js/heatmap.js";
import { delay } from "../../../ui/hopline_ui/static/js/poll.js";
import { brushed, scale } from "../../../ui/hopline_ui/static/js/scatter.js";
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
  assert.deepEqual(range(0, 480, 24, 10_000), [0, 24]);
  assert.deepEqual(range(24_000, 480, 24, 10_000), [996, 1024]);
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

test("L5: a brush over the heatmap asks for the cells under it, the top row without bound", () => {
  const data = { times: [100, 200, 300, 400], step_us: 100, edges_us: [0, 10, 20, 40] };
  const whole = { x0: 64, x1: 464, y0: 0, y1: 182 };
  assert.deepEqual(cellsUnder(whole, 464, 200, 4, 3), { c0: 0, c1: 3, r0: 0, r1: 2 });
  assert.deepEqual(paramsOf(data, { c0: 0, c1: 3, r0: 0, r1: 2 }), { from: 100, to: 500, min_span_duration: "0us", max_span_duration: "" });
  assert.deepEqual(paramsOf(data, { c0: 1, c1: 1, r0: 1, r1: 1 }), { from: 200, to: 300, min_span_duration: "10us", max_span_duration: "20us" });
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
