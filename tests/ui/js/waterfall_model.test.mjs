import assert from "node:assert/strict";
import { test } from "node:test";
import * as w from "../../../ui/hopline_ui/static/js/waterfall_model.js";

/** A timeline from [path, service, name, flags] in pre-order. */
function timeline(nodes) {
  const services = [...new Set(nodes.map((n) => n[1]))];
  const names = [...new Set(nodes.map((n) => n[2]))];
  const at = new Map(nodes.map((n, i) => [n[0], i]));
  return {
    extent_us: 1000, service_table: services, name_table: names, kinds: ["local"],
    columns: {
      key: nodes.map((_, i) => `k${i}`), span_id: nodes.map((n) => n[0]),
      parent: nodes.map((n) => at.get(n[0].split(".").slice(0, -1).join(".")) ?? -1),
      depth: nodes.map((n) => n[0].split(".").length - 1), service: nodes.map((n) => services.indexOf(n[1])), name: nodes.map((n) => names.indexOf(n[2])),
      kind: nodes.map(() => 0), start: nodes.map((_, i) => i * 10), duration: nodes.map((_, i) => 5 + i), flags: nodes.map((n) => n[3] ?? 0), peer: nodes.map(() => ""),
    },
  };
}

const shop = () => w.model(timeline([["0", "gate", "GET /"], ["0.1", "users", "find"], ["0.1.1", "users", "select"], ["0.2", "orders", "make", 1], ["0.2.1", "pay", "charge", 1]]));
const state = (changes) => ({ collapsed: new Set(), unfolded: new Set(), keep: null, ...changes });
const marks = (m, ...hits) => Uint8Array.from({ length: m.n }, (_, i) => (hits.includes(i) ? 1 : 0));

test("U4: everything is a row at first", () => {
  const m = shop();
  assert.deepEqual([...m.end], [5, 3, 3, 5, 5]);
  assert.deepEqual(w.visible(m, state()), [0, 1, 2, 3, 4]);
});

test("U4: a collapsed row hides all below it", () => {
  assert.deepEqual(w.visible(shop(), state({ collapsed: new Set([1]) })), [0, 1, 3, 4]);
  assert.deepEqual(w.visible(shop(), state({ collapsed: new Set([0]) })), [0]);
});

test("U4: collapse by level", () => {
  const m = shop();
  assert.deepEqual(w.visible(m, state({ collapsed: w.collapsedFrom(m, 1) })), [0]);
  assert.deepEqual(w.visible(m, state({ collapsed: w.collapsedFrom(m, 2) })), [0, 1, 3]);
});

test("U4: matches only keeps ancestors and says how many are hidden", () => {
  const m = shop();
  assert.deepEqual(w.visible(m, state({ keep: marks(m, 2) })), [0, 1, 2, { hidden: 2, errors: 2, depth: 1 }]);
});

test("U4: equal leaf siblings fold from five on", () => {
  const leaves = Array.from({ length: 6 }, (_, i) => [`0.${i + 1}`, "db", "select"]);
  const m = w.model(timeline([["0", "a", "x"], ...leaves, ["0.7", "db", "insert"]]));
  assert.deepEqual(w.visible(m, state()), [0, { fold: true, from: 1, to: 7 }, 7]);
  assert.equal(w.visible(m, state({ unfolded: new Set([1]) })).length, 9);
  assert.deepEqual(w.foldFigures(m, 1, 7), { count: 6, total: 51, max: 11, start: 10, end: 71, errors: 0 });
});

test("U4: four equal siblings stay apart, and so do those with children", () => {
  const four = Array.from({ length: 4 }, (_, i) => [`0.${i + 1}`, "db", "select"]);
  assert.equal(w.visible(w.model(timeline([["0", "a", "x"], ...four])), state()).length, 5);
  const nested = Array.from({ length: 6 }, (_, i) => [[`0.${i + 1}`, "db", "s"], [`0.${i + 1}.1`, "db", "t"]]).flat();
  assert.equal(w.visible(w.model(timeline([["0", "a", "x"], ...nested])), state()).length, 13);
});

test("U4: legend and matches filter together", () => {
  const m = shop();
  assert.equal(w.ofServices(m, new Set()), null);
  assert.deepEqual([...w.both(w.ofServices(m, new Set(["users"])), marks(m, 2, 3))], [0, 0, 1, 0, 0]);
  assert.equal(w.both(null, null), null);
});

test("U4: next and previous go around the ends", () => {
  const marked = (i) => i === 1 || i === 3;
  assert.deepEqual([w.next(5, marked, 1, 1), w.next(5, marked, 3, 1), w.next(5, marked, 1, -1)], [3, 1, 3]);
  assert.equal(w.next(5, () => false, 0, 1), -1);
});

test("U4: what was turned by hand is the other way round than its level", () => {
  assert.deepEqual([...w.flipped(new Set([0, 1]), new Set([1, 3]))], [0, 3]);
});

test("U4: a critical path of thousands of stretches is what can be seen of it", () => {
  const stretches = Array.from({ length: 5000 }, (_, i) => [i * 10, i * 10 + 8]);
  assert.deepEqual(w.merged(stretches, 25), [[0, 49_998]]);
  assert.deepEqual(w.merged([[50, 60], [0, 10]], 5), [[0, 10], [50, 60]]);
  assert.deepEqual(w.stretchesByNode([[0, 1, 2], [3, 2, 5], [0, 5, 6]]).get(0), [[1, 2], [5, 6]]);
});

test("U4: three hundred levels stay within the column, each not left of the one above", () => {
  const places = Array.from({ length: 301 }, (_, depth) => w.indent(depth));
  assert.ok(places.every((x, i) => i === 0 || x >= places[i - 1]));
  assert.ok(places[300] <= 180);
  assert.equal(w.shortPath("0.1.2"), "0.1.2");
  assert.equal(w.shortPath("0.1.2.3.4.5.6.7.8.9"), "…7.8.9");
});

test("U4: zoom and pan stay within the trace", () => {
  assert.deepEqual(w.zoom([0, 1000], 0.5, 500, 1000), [250, 750]);
  assert.deepEqual(w.zoom([0, 100], 20, 50, 1000), [0, 1000]);
  assert.deepEqual(w.zoom([0, 1000], 0.0001, 0, 1000), [0, 10]);
  assert.deepEqual(w.pan([900, 1000], 0.5, 1000), [900, 1000]);
  assert.deepEqual(w.pan([100, 200], -0.25, 1000), [75, 175]);
});

test("U9: 100,000 nodes lay out in linear time", () => {
  const nodes = Array.from({ length: 100_000 }, (_, i) => [i ? `0.${i}` : "0", `s${i % 9}`, `n${i % 7}`]);
  const m = w.model(timeline(nodes));
  assert.equal(w.visible(m, state({ keep: marks(m, 99_999) })).length, 3);
});
