// Times in the reader's zone: the server writes UTC, the zone cookie may say local.

import { moment, zoneName } from "./fmt.js";

/** Rewrite every <time data-us> under `root`. */
export function localTimes(root = document) {
  const zone = document.documentElement.dataset.zone;
  const name = zoneName(zone);
  for (const element of root.querySelectorAll("time[data-us]")) {
    const us = Number(element.dataset.us);
    if (zone === "local") element.textContent = moment(us, element.dataset.form, zone);
    element.title = `${moment(us, "day", zone)} ${moment(us, "clock", zone)} (${name})`;
  }
}
