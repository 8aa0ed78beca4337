// Folding: one row, all rows, by level; and unfolding what hides a row that is wanted.

import { FOLD, hasChildren } from "./waterfall_model.js";

function flip(set, value) {
  if (!set.delete(value)) set.add(value);
}

/** @param {import("./waterfall_scene.js").Scene} scene @param {{focusRow: (position: number) => void, active: () => number}} rows */
export function folding(scene, rows) {
  const { m } = scene;
  const deepest = () => m.columns.depth.reduce((most, depth) => Math.max(most, depth), 0) + 1;

  function toggle(position) {
    const row = scene.rows[position];
    if (row?.fold) flip(scene.unfolded, row.from);
    else if (typeof row === "number" && hasChildren(m, row)) flip(scene.toggled, row);
    else return;
    scene.layout();
    rows.focusRow(position);
  }

  function toLevel(level) {
    const i = scene.nodeAt(rows.active());
    scene.level = level;
    scene.toggled.clear();
    scene.layout();
    rows.focusRow(Math.max(scene.positionOf(i), 0));
  }

  /** Position of a node's row, with everything unfolded and unfiltered that hides it. */
  function reveal(i) {
    const { collapsed } = scene;
    for (let at = m.columns.parent[i]; at >= 0; at = m.columns.parent[at]) if (collapsed.has(at)) flip(scene.toggled, at);
    const kept = scene.kept();
    if (kept && !kept[i]) {
      scene.services.clear();
      scene.only = false;
    }
    scene.layout();
    const fold = scene.rows.find((row) => row.fold && row.from <= i && i < row.to);
    if (fold && fold.to - fold.from >= FOLD && scene.positionOf(i) < 0) {
      scene.unfolded.add(fold.from);
      scene.layout();
    }
    return scene.positionOf(i);
  }

  document.getElementById("collapse-all").addEventListener("click", () => toLevel(1));
  document.getElementById("expand-all").addEventListener("click", () => toLevel(Infinity));
  return {
    toggle,
    reveal,
    collapseAll: () => toLevel(1),
    expandAll: () => toLevel(Infinity),
    level: (by) => toLevel(Math.min(Math.max(Math.min(scene.level, deepest()) + by, 1), deepest())),
  };
}
