// The rows in sight, the one that has the focus, and moving it.

import { virtualList } from "./virtual.js";
import { hasChildren } from "./waterfall_model.js";
import { rowOf } from "./waterfall_rows.js";

/** @param {HTMLElement} grid @param {HTMLElement} body @param {import("./waterfall_scene.js").Scene} scene */
export function view(grid, body, scene) {
  let active = 0;
  grid.classList.add("virtual");
  const head = grid.querySelector(".wf-head");
  const list = virtualList({ scroller: grid, body, head, active: () => active, make: draw });

  function draw(position) {
    const row = rowOf(scene, scene.rows[position], position);
    row.tabIndex = position === active ? 0 : -1;
    return row;
  }

  const positionOf = (row) => Number(row.getAttribute("aria-rowindex")) - 2;

  function hasFocus() {
    return grid.contains(document.activeElement) && document.activeElement.classList.contains("wf-row");
  }

  function redraw() {
    const focused = hasFocus();
    scene.width = head.lastElementChild.clientWidth || scene.width;
    list.reset(scene.rows.length);
    if (focused) list.show(active)?.focus({ preventScroll: true });
  }

  scene.on("bars", redraw);
  scene.on("rows", () => {
    active = Math.min(active, Math.max(scene.rows.length - 1, 0));
    grid.setAttribute("aria-rowcount", String(scene.rows.length + 1));
    redraw();
  });

  function focusRow(position) {
    if (!scene.rows.length) return;
    active = Math.min(Math.max(position, 0), scene.rows.length - 1);
    for (const row of grid.querySelectorAll('.wf-rows > [tabindex="0"]')) row.tabIndex = -1;
    const row = list.show(active);
    row.tabIndex = 0;
    row.focus({ preventScroll: true });
  }

  function unselect() {
    scene.select(-1);
    focusRow(active);
  }

  function moves(folds, side) {
    const open = (i) => {
      if (i < 0) return;
      focusRow(folds.reveal(i));
      scene.select(i);
      side.show(scene.m.columns.key[i], scene.adjusted);
    };
    wireClicks(folds, open);
    return {
      move: (by) => focusRow(active + by),
      page: (by) => focusRow(active + by * list.rowsInView()),
      first: () => focusRow(0),
      last: () => focusRow(scene.rows.length - 1),
      open: () => (scene.rows[active]?.fold ? folds.toggle(active) : open(scene.nodeAt(active))),
      openKey: (key) => open(scene.m.columns.key.indexOf(key)),
      close: () => side.close(),
      left: () => (open_(active) ? folds.toggle(active) : focusRow(Math.max(scene.positionOf(scene.m.columns.parent[scene.nodeAt(active)]), 0))),
      right: () => (closed(active) ? folds.toggle(active) : hasChildren(scene.m, scene.nodeAt(active)) && focusRow(active + 1)),
    };
  }

  const closed = (position) => {
    const i = scene.nodeAt(position);
    return scene.rows[position]?.fold ? !scene.unfolded.has(i) : scene.collapsed.has(i);
  };
  const open_ = (position) => hasChildren(scene.m, scene.nodeAt(position)) && !closed(position);

  function wireClicks(folds, open) {
    grid.addEventListener("click", (event) => {
      const row = event.target.closest(".wf-rows > .wf-row");
      if (!row) return;
      const position = positionOf(row);
      active = position;
      if (event.target.closest(".wf-toggle") || row.dataset.fold) folds.toggle(position);
      else if (row.dataset.at) open(Number(row.dataset.at));
    });
  }

  return {
    focusRow,
    /** Scroll a row into sight; the focus stays where it is. */
    bring: list.bring,
    /** Whether a row that `wanted` means (by its node) can be seen. */
    shows: (wanted) => [...body.children].some((row) => wanted(Number(row.dataset.at)) && list.inSight(positionOf(row))),
    unselect,
    moves,
    active: () => active,
    /** The span of the address in sight; its panel came with the page. */
    showSelected(side) {
      if (scene.selected < 0) return;
      active = Math.max(scene.positionOf(scene.selected), 0);
      redraw();
      list.show(active);
      side.wire();
    },
  };
}
