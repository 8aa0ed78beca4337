import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as fmt from "../../../ui/hopline_ui/static/js/fmt.js";

const vectors = JSON.parse(readFileSync(new URL("../fmt_vectors.json", import.meta.url), "utf8"));

for (const [name, cases] of Object.entries(vectors)) {
  test(`U1: ${name} reads as on the server`, () => {
    for (const [value, text] of cases) assert.equal(fmt[name](value), text, `${name}(${value})`);
  });
}

test("U2: times say UTC unless local is asked for", () => {
  assert.equal(fmt.moment(1763800000123456, "clock", "utc"), "08:26:40.123");
  assert.equal(fmt.moment(1763800000123456, "short", "utc"), "08:26:40");
  assert.equal(fmt.moment(1763800000123456, "stamp", "utc"), "2025-11-22 08:26:40");
  assert.equal(fmt.moment(1763800000123456, "day", "utc"), "2025-11-22");
  assert.equal(fmt.zoneName("utc"), "UTC");
});

test("U2: the local zone is named by its offset", () => {
  assert.equal(fmt.zoneName("local", { getTimezoneOffset: () => -480 }), "UTC+8");
  assert.equal(fmt.zoneName("local", { getTimezoneOffset: () => 210 }), "UTC-3:30");
  assert.equal(fmt.zoneName("local", { getTimezoneOffset: () => 0 }), "UTC");
});
