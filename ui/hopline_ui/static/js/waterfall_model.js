// What a waterfall shows, as pure functions over the columns of a timeline.

export const FLAG = { error: 1, placeholder: 2, unfinished: 4, below: 16, critical: 32, warnings: 64, oneWay: 128, moved: 256, unreceived: 512, timeless: 1024 };

/** Equal leaf siblings in a row from this many on are folded into one. */
export const FOLD = 5;

/**
 * @typedef {{n: number, columns: any, services: string[], names: string[], kinds: string[], whole: number, end: Int32Array}} Model
 * `end[i]` is the index after the last node below `i`.
 */

/** @returns {Model} */
export function model(timeline) {
  const { columns } = timeline;
  const n = columns.key.length;
  const end = new Int32Array(n).fill(n);
  const open = [];
  for (let i = 0; i < n; i++) {
    while (open.length && columns.depth[open[open.length - 1]] >= columns.depth[i]) end[open.pop()] = i;
    open.push(i);
  }
  return { n, columns, end, services: timeline.service_table, names: timeline.name_table, kinds: timeline.kinds, whole: Math.max(timeline.extent_us ?? 0, 1) };
}

/** Whether a node has others below it that are part of these columns. */
export const hasChildren = (m, i) => m.end[i] > i + 1;

/**
 * The rows from top to bottom: a number is a node; an object stands for several,
 * `{fold, from, to}` for equal siblings, `{hidden, errors, depth}` for nodes that a filter took out.
 * @param {Model} m
 * @param {{collapsed: Set<number>, unfolded: Set<number>, keep: Uint8Array|null}} state
 */
export function visible(m, { collapsed, unfolded, keep }) {
  const rows = [];
  const wanted = keep && withAncestors(m, keep);
  let i = 0;
  while (i < m.n) {
    if (wanted && !wanted[i]) {
      i = skipUnwanted(m, wanted, i, rows);
      continue;
    }
    const to = wanted ? i : foldEnd(m, i);
    if (to - i >= FOLD) {
      rows.push({ fold: true, from: i, to });
      if (!unfolded.has(i)) {
        i = to;
        continue;
      }
      for (; i < to; i++) rows.push(i);
      continue;
    }
    rows.push(i);
    i = collapsed.has(i) ? m.end[i] : i + 1;
  }
  return rows;
}

function withAncestors(m, keep) {
  const wanted = Uint8Array.from(keep);
  for (let i = m.n - 1; i >= 0; i--) {
    const parent = m.columns.parent[i];
    if (wanted[i] && parent >= 0) wanted[parent] = 1;
  }
  return wanted;
}

function skipUnwanted(m, wanted, from, rows) {
  const depth = m.columns.depth[from];
  let errors = 0;
  let i = from;
  while (i < m.n && !wanted[i] && m.columns.depth[i] >= depth) {
    errors += m.columns.flags[i] & FLAG.error;
    i++;
  }
  rows.push({ hidden: i - from, errors, depth });
  return i;
}

/** Where the run of leaf siblings equal to `i` ends. */
function foldEnd(m, i) {
  const { parent, service, name, kind } = m.columns;
  let to = i;
  while (to < m.n && m.end[to] === to + 1 && parent[to] === parent[i] && service[to] === service[i] && name[to] === name[i] && kind[to] === kind[i]) to++;
  return to;
}

/** Sum, longest, first start and last end, and errors of a folded run. */
export function foldFigures(m, from, to) {
  const { start, duration, flags } = m.columns;
  const figures = { count: to - from, total: 0, max: 0, start: Infinity, end: 0, errors: 0 };
  for (let i = from; i < to; i++) {
    figures.total += duration[i];
    figures.max = Math.max(figures.max, duration[i]);
    figures.start = Math.min(figures.start, start[i]);
    figures.end = Math.max(figures.end, start[i] + duration[i]);
    figures.errors += flags[i] & FLAG.error;
  }
  return figures;
}

/** Nodes of the given services, as marks; null when none is chosen. */
export function ofServices(m, chosen) {
  if (!chosen.size) return null;
  const marks = new Uint8Array(m.n);
  for (let i = 0; i < m.n; i++) marks[i] = chosen.has(m.services[m.columns.service[i]]) ? 1 : 0;
  return marks;
}

/** Marks set in both, where null is everything. */
export function both(a, b) {
  if (!a || !b) return a ?? b;
  return a.map((mark, i) => mark & b[i]);
}

/** Everything that has children from `level` on: what is collapsed to show that many levels. */
export function collapsedFrom(m, level) {
  const collapsed = new Set();
  for (let i = 0; i < m.n; i++) if (m.columns.depth[i] >= level - 1 && hasChildren(m, i)) collapsed.add(i);
  return collapsed;
}

/** The next marked node after `from` in the direction `step`, around the end; -1 when there is none. */
export function next(n, marked, from, step) {
  for (let k = 1; k <= n; k++) {
    const i = (((from + step * k) % n) + n) % n;
    if (marked(i)) return i;
  }
  return -1;
}

/** A copy of `set` in which each of `turned` is the other way round. */
export function flipped(set, turned) {
  const found = new Set(set);
  for (const value of turned) if (!found.delete(value)) found.add(value);
  return found;
}

/** Stretches `[from, to]` of a path of `[node, from, to]` by node. */
export function stretchesByNode(path) {
  const byNode = new Map();
  for (const [i, from, to] of path) {
    if (!byNode.has(i)) byNode.set(i, []);
    byNode.get(i).push([from, to]);
  }
  return byNode;
}

/** Stretches in order of time, those with less than `gap` between them as one: thousands become what can be seen. */
export function merged(stretches, gap) {
  const found = [];
  for (const [from, to] of [...stretches].sort((a, b) => a[0] - b[0])) {
    const last = found.at(-1);
    if (last && from - last[1] <= gap) last[1] = Math.max(last[1], to);
    else found.push([from, to]);
  }
  return found;
}

/** Pixels by which a row at `depth` is indented: ever less, so that 300 levels stay in the column. */
export function indent(depth) {
  return depth <= 8 ? depth * 12 : Math.round(96 + 84 * (1 - Math.exp(-(depth - 8) / 24)));
}

/** A path past eight levels is shown by its last three numbers. */
export function shortPath(path) {
  const parts = path.split(".");
  return parts.length > 9 ? `…${parts.slice(-3).join(".")}` : path;
}

/** A window zoomed by `factor` around `centre`, within 0..whole and not narrower than 10 us. */
export function zoom([from, to], factor, centre, whole) {
  const width = Math.min(Math.max((to - from) * factor, Math.min(10, whole)), whole);
  const left = centre - ((centre - from) / (to - from)) * width;
  const start = Math.min(Math.max(left, 0), whole - width);
  return [start, start + width];
}

/** A window moved by a share of its width. */
export function pan([from, to], share, whole) {
  const start = Math.min(Math.max(from + (to - from) * share, 0), whole - (to - from));
  return [start, start + (to - from)];
}
