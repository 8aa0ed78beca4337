// From a chart to what explains it: the addresses of /why for a period, an area of the heatmap, a version.

import { below, changed, param, remember } from "./url.js";

/** Where `params` of a service (and operation) are explained. */
export function whyOf(service, params) {
  const kept = { service, operation: param("operation"), env: param("env") };
  return changed(new URL(below("/why"), location.href).href, { ...kept, ...params });
}

/** A period against the rest of what is shown: the longer part beside it. All times are microseconds. */
export function periodOf([from, to], [first, last]) {
  const before = from - first >= last - to;
  return { from, to, base_from: before ? first : to, base_to: before ? from : last };
}

/** A version against the one before it, or where no other is known, against the time before it. */
export function versionOf(versions, at, [first, last]) {
  const sorted = [...versions].sort((a, b) => a.first_seen_us - b.first_seen_us);
  const { version, first_seen_us: began } = versions[at];
  const before = sorted[sorted.findIndex((one) => one.version === version) - 1];
  if (before) return { from: first, to: last, version, base_version: before.version };
  return { from: began, to: last, version, base_from: first, base_to: began };
}

/** The switch of what a dragged area does; the address keeps it. @returns {() => boolean} whether it explains */
export function explaining(group) {
  const buttons = [...group.querySelectorAll("button")];
  const show = (chosen) => buttons.forEach((button) => button.setAttribute("aria-pressed", String((button.value === "why") === chosen)));
  for (const button of buttons) {
    button.addEventListener("click", () => {
      remember({ drag: button.value });
      show(button.value === "why");
    });
  }
  show(param("drag") === "why");
  return () => param("drag") === "why";
}
