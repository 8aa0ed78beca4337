import assert from "node:assert/strict";
import { test } from "node:test";
import { periodOf, versionOf } from "../../../ui/hopline_ui/static/js/explain.js";
import { momentOf, stepsOf } from "../../../ui/hopline_ui/static/js/replay.js";
import { usualParts } from "../../../ui/hopline_ui/static/js/usual.js";

test("Y2: a period is compared with the longer part beside it", () => {
  assert.deepEqual(periodOf([60, 80], [0, 100]), { from: 60, to: 80, base_from: 0, base_to: 60 });
  assert.deepEqual(periodOf([10, 20], [0, 100]), { from: 10, to: 20, base_from: 20, base_to: 100 });
});

test("Y4: a version is compared with the one before it, where none is known with the time before", () => {
  const versions = [{ version: "2", first_seen_us: 50 }, { version: "1", first_seen_us: 10 }];
  assert.deepEqual(versionOf(versions, 0, [0, 100]), { from: 0, to: 100, version: "2", base_version: "1" });
  assert.deepEqual(versionOf(versions, 1, [0, 100]), { from: 10, to: 100, version: "1", base_from: 0, base_to: 10 });
});

test("U6: a replay goes back at least six hours in steps of the range, and never more than 48", () => {
  assert.equal(stepsOf(900e6), 24);
  assert.equal(stepsOf(60e6), 48);
  assert.equal(stepsOf(86_400e6), 12);
  assert.deepEqual(momentOf(1000, 100, 0), [900, 1000]);
  assert.deepEqual(momentOf(1000, 100, 3), [600, 700]);
});

test("Y4: parts of a usual run are added up by service", () => {
  const parts = [{ service: "a", us: 3 }, { service: "b", us: 4 }, { service: "a", us: 2 }];
  assert.deepEqual(usualParts({ parts }), [["a", 5], ["b", 4]]);
});
