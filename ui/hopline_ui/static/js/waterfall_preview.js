// The first rows of a large trace, to be read while the rest is on its way. They answer to nothing yet.

import { param } from "./url.js";
import { rowOf } from "./waterfall_rows.js";

/** Rows that fill a large screen. */
const MOST = 80;

/** @param {HTMLElement} grid @param {HTMLElement} body @param {import("./waterfall_scene.js").Scene} scene over the first nodes of the trace */
export function preview(grid, body, scene) {
  // The page then holds other nodes than the first, or the address asks for rows that only the whole can tell.
  if (param("span") || param("services") || param("only")) return;
  grid.classList.add("virtual");
  const height = parseFloat(getComputedStyle(grid).getPropertyValue("--span-row")) || 24;
  scene.arrange();
  const rows = scene.rows.slice(0, MOST).map((row, position) => rowOf(scene, row, position));
  rows.forEach((row, position) => (row.style.transform = `translateY(${position * height}px)`));
  body.style.height = `${scene.rows.length * height}px`;
  body.replaceChildren(...rows);
}
