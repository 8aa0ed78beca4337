// The request in one bar: whose work and waiting the critical path is, by service.

import { duration, share } from "./fmt.js";
import { make } from "./waterfall_rows.js";
import { t } from "./words.js";

/** A service with less of the path than this could not be seen. */
const LEAST = 0.002;
/** Services that are told to a screen reader. */
const TOLD = 8;

/** Time on the critical path by service, most first: `[service, us]`. @param {any} m @param {number[][]} path */
export function byService(m, path) {
  const sums = new Map();
  for (const [i, from, to] of path) {
    const name = m.services[m.columns.service[i]] || m.columns.peer[i];
    sums.set(name, (sums.get(name) ?? 0) + to - from);
  }
  return [...sums].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

/** @param {HTMLElement} box @param {HTMLElement} legend @param {import("./waterfall_scene.js").Scene} scene */
export function strip(box, legend, scene) {
  const parts = byService(scene.m, scene.path);
  const whole = parts.reduce((sum, [, us]) => sum + us, 0);
  if (!whole) return;
  const shares = new Map(parts.map(([name, us]) => [name, share(us / whole)]));
  const bar = make("div", "strip-bar");
  for (const [name, us] of parts) {
    if (us / whole < LEAST) continue;
    const part = make("span", `strip-part svc-${scene.palette[name] ?? 0}`);
    part.style.flexGrow = String(us);
    part.title = t("strip_part", { name: name || t("missing"), time: duration(us), share: shares.get(name) });
    bar.append(part);
  }
  box.append(bar);
  box.setAttribute("aria-label", t("strip", { parts: parts.slice(0, TOLD).map(([name]) => `${name || t("missing")} ${shares.get(name)}`).join(", ") }));
  for (const button of legend.querySelectorAll("button")) {
    if (shares.has(button.dataset.service)) button.append(make("b", "num", shares.get(button.dataset.service)));
  }
}
