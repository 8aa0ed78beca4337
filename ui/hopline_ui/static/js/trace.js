// The trace page: waterfall, overview, find, keyboard, side panel.

import { minimap } from "./minimap.js";
import { panel } from "./panel.js";
import { below, changed, param, remember } from "./url.js";
import { cursor, ruler, splitter } from "./ruler.js";
import { virtualList } from "./virtual.js";
import { both, collapsedFrom, find, FLAG, hasChildren, model, next, ofServices, pan, reveal, visible, zoom } from "./waterfall_model.js";
import { rowOf } from "./waterfall_rows.js";
import { wireKeys } from "./waterfall_keys.js";
import { t } from "./words.js";

const data = (id) => JSON.parse(document.getElementById(id).textContent);
const element = (id) => document.getElementById(id);

async function load() {
  const first = data("timeline");
  if (first.columns.key.length >= first.window.total) return first;
  const params = { shape: "timeline", adjust: param("adjust"), root: param("root") };
  const address = changed(new URL(below(`/api/v1/traces/${first.trace_id}`), location.href).href, params);
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

function start(timeline) {
  const m = model(timeline);
  const chosen = new Set();
  const scene = {
    m,
    palette: data("palette"),
    window: [Number(param("t0")) || 0, Number(param("t1")) || m.whole],
    collapsed: new Set(),
    unfolded: new Set(),
    marks: null,
    critical: null,
    selected: -1,
  };
  let rows = [];
  let active = 0;
  let level = Infinity;
  let only = param("only") === "1";

  const grid = element("grid");
  grid.classList.add("virtual");
  const list = virtualList({ scroller: grid, body: element("rows"), head: grid.querySelector(".wf-head"), make: (at) => drawRow(at) });
  const side = panel(timeline.trace_id, { onClose: () => select(-1), onSpan: (key) => open(m.columns.key.indexOf(key)) });
  const head = ruler(element("ruler"), scene, setWindow);
  cursor(grid, element("ruler"), scene);
  const map = minimap(element("mini"), { m, palette: scene.palette, window: () => scene.window, onWindow: setWindow });

  function drawRow(at) {
    const row = rowOf(scene, rows[at], at);
    row.tabIndex = at === active ? 0 : -1;
    return row;
  }

  function layout() {
    const keep = both(only ? scene.marks : null, ofServices(m, chosen));
    rows = visible(m, { ...scene, keep });
    active = Math.min(active, Math.max(rows.length - 1, 0));
    grid.setAttribute("aria-rowcount", String(rows.length + 1));
    list.reset(rows.length);
  }

  function setWindow(window) {
    scene.window = window;
    const whole = window[0] <= 0 && window[1] >= m.whole;
    remember({ t0: whole ? "" : Math.round(window[0]), t1: whole ? "" : Math.round(window[1]) });
    head.draw();
    map.refresh();
    redraw();
  }

  function redraw() {
    const focused = grid.contains(document.activeElement) && document.activeElement.classList.contains("wf-row");
    list.reset(rows.length);
    if (focused) list.show(active)?.focus({ preventScroll: true });
  }

  function focusRow(position) {
    if (!rows.length) return;
    active = Math.min(Math.max(position, 0), rows.length - 1);
    for (const row of grid.querySelectorAll('.wf-rows > [tabindex="0"]')) row.tabIndex = -1;
    const row = list.show(active);
    row.tabIndex = 0;
    row.focus({ preventScroll: true });
  }

  const positionOf = (i) => rows.indexOf(i);
  const nodeAt = (position) => (typeof rows[position] === "number" ? rows[position] : rows[position]?.from ?? -1);

  function goTo(i) {
    if (i < 0) return;
    reveal(m, scene.collapsed, i);
    if (positionOf(i) < 0) {
      const fold = rows.find((row) => row.fold && row.from <= i && i < row.to);
      if (fold) scene.unfolded.add(fold.from);
      layout();
    }
    focusRow(positionOf(i));
  }

  function select(i) {
    scene.selected = i;
    remember({ span: i >= 0 ? m.columns.key[i] : "" });
    redraw();
  }

  function open(i) {
    if (i < 0) return;
    goTo(i);
    select(i);
    side.show(m.columns.key[i], param("adjust"));
  }

  function toggle(position) {
    const row = rows[position];
    if (row?.fold) flip(scene.unfolded, row.from);
    else if (typeof row === "number" && hasChildren(m, row)) flip(scene.collapsed, row);
    else return;
    layout();
    focusRow(position);
  }

  function collapse(wanted) {
    const i = nodeAt(active);
    scene.collapsed = wanted;
    layout();
    focusRow(Math.max(positionOf(i), 0));
  }

  function search(text) {
    scene.marks = find(m, text);
    remember({ q: text });
    const n = scene.marks ? scene.marks.reduce((sum, mark) => sum + mark, 0) : 0;
    element("found").textContent = scene.marks ? (n ? t("all_rows", { n }) : t("nothing_found")) : "";
    layout();
  }

  function step(marked, direction) {
    const i = next(m.n, marked, nodeAt(active), direction);
    if (i < 0) return;
    goTo(i);
  }

  function nextMatch(direction) {
    if (!scene.marks) return;
    step((i) => scene.marks[i] === 1, direction);
    const before = scene.marks.slice(0, nodeAt(active) + 1).reduce((sum, mark) => sum + mark, 0);
    element("found").textContent = t("found", { at: before, n: scene.marks.reduce((sum, mark) => sum + mark, 0) });
  }

  const press = (button, on) => button.setAttribute("aria-pressed", String(on));

  function critical() {
    scene.critical = scene.critical ? null : pathOf(timeline.critical_path);
    press(element("critical"), Boolean(scene.critical));
    redraw();
  }

  const actions = {
    move: (by) => focusRow(active + by),
    page: (by) => focusRow(active + by * list.rowsInView()),
    first: () => focusRow(0),
    last: () => focusRow(rows.length - 1),
    open: () => (rows[active]?.fold ? toggle(active) : open(nodeAt(active))),
    close: () => side.close(),
    left: () => {
      const i = nodeAt(active);
      if (hasChildren(m, i) && !scene.collapsed.has(i)) toggle(active);
      else focusRow(Math.max(positionOf(m.columns.parent[i]), 0));
    },
    right: () => {
      const i = nodeAt(active);
      if (rows[active]?.fold && !scene.unfolded.has(i)) toggle(active);
      else if (scene.collapsed.has(i)) toggle(active);
      else if (hasChildren(m, i)) focusRow(active + 1);
    },
    collapseAll: () => collapse(collapsedFrom(m, (level = 1))),
    expandAll: () => {
      level = Infinity;
      collapse(new Set());
    },
    level: (by) => {
      const deepest = Math.max(...m.columns.depth.slice(0, 5000)) + 1;
      level = Math.min(Math.max(Math.min(level, deepest) + by, 1), deepest);
      collapse(collapsedFrom(m, level));
    },
    zoom: (factor) => setWindow(factor ? zoom(scene.window, factor, (scene.window[0] + scene.window[1]) / 2, m.whole) : [0, m.whole]),
    pan: (share) => setWindow(pan(scene.window, share, m.whole)),
    find: () => element("find").focus(),
    match: nextMatch,
    error: (direction) => step((i) => Boolean(m.columns.flags[i] & FLAG.error), direction),
    critical,
    link: () => navigator.clipboard?.writeText(changed(location.href, { span: m.columns.key[nodeAt(active)] })),
    help: () => element("keys").showModal(),
  };

  wireKeys(grid, actions);
  grid.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      const box = element("ruler").getBoundingClientRect();
      const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
      const [from, to] = scene.window;
      setWindow(zoom(scene.window, event.deltaY < 0 ? 0.8 : 1.25, from + share * (to - from), m.whole));
    },
    { passive: false },
  );
  grid.addEventListener("click", (event) => {
    const row = event.target.closest(".wf-rows > .wf-row");
    if (!row) return;
    const position = Number(row.getAttribute("aria-rowindex")) - 2;
    active = position;
    if (event.target.closest(".wf-toggle") || row.dataset.fold) toggle(position);
    else if (row.dataset.at) open(Number(row.dataset.at));
  });
  element("find").addEventListener("input", (event) => search(event.target.value));
  element("find-form").addEventListener("submit", (event) => {
    event.preventDefault();
    nextMatch(1);
  });
  element("find-on").addEventListener("click", () => nextMatch(1));
  element("find-back").addEventListener("click", () => nextMatch(-1));
  element("only").addEventListener("click", () => {
    only = !only;
    press(element("only"), only);
    remember({ only: only ? "1" : "" });
    layout();
  });
  element("critical").addEventListener("click", critical);
  element("collapse-all").addEventListener("click", actions.collapseAll);
  element("expand-all").addEventListener("click", actions.expandAll);
  element("keys-open").addEventListener("click", actions.help);
  element("legend").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    flip(chosen, button.dataset.service);
    press(button, chosen.has(button.dataset.service));
    layout();
  });
  splitter(element("split"), element("wf"));

  press(element("only"), only);
  scene.selected = m.columns.key.indexOf(param("span"));
  if (param("q")) search(param("q"));
  else layout();
  head.draw();
  element("more")?.remove();
  if (scene.selected >= 0) {
    reveal(m, scene.collapsed, scene.selected);
    active = Math.max(positionOf(scene.selected), 0);
    list.show(active);
    side.wire();
  }
  grid.dataset.ready = "1";
}

function flip(set, value) {
  if (!set.delete(value)) set.add(value);
}

/** Stretches of the critical path by node. */
function pathOf(stretches) {
  const byNode = new Map();
  for (const [i, from, to] of stretches) byNode.set(i, [...(byNode.get(i) ?? []), [from, to]]);
  return byNode;
}

load().then(start).catch(() => {
  const line = element("more");
  if (line) line.textContent = t("failed");
});
