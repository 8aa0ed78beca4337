// What a waterfall shows, as pure functions over the columns of a timeline.

export const FLAG = { error: 1, placeholder: 2, unfinished: 4, below: 16, critical: 32, warnings: 64, oneWay: 128, moved: 256, unreceived: 512 };

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
  return { n, columns, end, services: timeline.service_table, names: timeline.name_table, kinds: timeline.kinds, whole: Math.max(timeline.duration_us ?? 0, 1) };
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

/** The terms of a search box: words and "phrases" of which one must be met; -terms must not. */
export function terms(text) {
  const found = [];
  for (const [, minus, quoted, word] of text.matchAll(/(-?)(?:"([^"]*)"|(\S+))/g)) {
    const value = (quoted ?? word).toLowerCase();
    if (value) found.push({ value, without: minus === "-" });
  }
  return found;
}

const FIELDS = ["service", "name", "kind", "span", "peer"];

/** Nodes that a search box means, as a mark per node; null for an empty box. */
export function find(m, text) {
  const all = terms(text);
  if (!all.length) return null;
  const some = all.filter((term) => !term.without);
  const none = all.filter((term) => term.without);
  const marks = new Uint8Array(m.n);
  for (let i = 0; i < m.n; i++) {
    const hit = (term) => meets(m, i, term.value);
    marks[i] = (some.length === 0 || some.some(hit)) && !none.some(hit) ? 1 : 0;
  }
  return marks;
}

function meets(m, i, value) {
  const facts = [m.services[m.columns.service[i]], m.names[m.columns.name[i]], m.kinds[m.columns.kind[i]], m.columns.span_id[i], m.columns.peer[i]];
  const at = value.indexOf("=");
  const field = at > 0 ? FIELDS.indexOf(value.slice(0, at)) : -1;
  if (field >= 0) return facts[field].toLowerCase() === value.slice(at + 1);
  if (value === "error") return Boolean(m.columns.flags[i] & FLAG.error);
  return facts.some((fact) => fact.toLowerCase().includes(value));
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

/** Take the collapsed ancestors of `i` out of `collapsed`, so that it can be seen. */
export function reveal(m, collapsed, i) {
  for (let at = m.columns.parent[i]; at >= 0; at = m.columns.parent[at]) collapsed.delete(at);
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
