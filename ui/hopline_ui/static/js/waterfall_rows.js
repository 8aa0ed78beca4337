// One row of the waterfall as elements. Every row is one height, so that only those in sight exist.

import { duration } from "./fmt.js";
import { FLAG, foldFigures, hasChildren } from "./waterfall_model.js";
import { t } from "./words.js";

/** Width of a toggle and the gap beside it, which a row without one leaves free. */
const TOGGLE = 24;

const SVG = "http://www.w3.org/2000/svg";

const ICONS = {
  error: "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13M8 4.5v4.2M8 10.6v1.2",
  warn: "M8 1.8 15 14H1ZM8 6.2v3.6M8 11.2v1.2",
};

/** @param {string} tag @param {string} [name] the class @param {string} [text] */
export function make(tag, name = "", text = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text) element.textContent = text;
  return element;
}

function icon(name, label, tone) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon is-${tone}`);
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  path.setAttribute("fill", "none");
  path.setAttribute("stroke", "currentColor");
  path.setAttribute("stroke-width", "1.5");
  svg.append(path);
  return svg;
}

/** Shared by all rows of one drawing. @typedef {{m: any, palette: Object<string, number>, window: [number, number], collapsed: Set<number>, unfolded: Set<number>, marks: Uint8Array|null, critical: Map<number, number[][]>|null, selected: number}} Scene */

/** The element of one entry of `visible()`. @param {Scene} scene */
export function rowOf(scene, row, position) {
  if (typeof row === "number") return nodeRow(scene, row, position);
  return row.fold ? foldRow(scene, row, position) : hiddenRow(row, position);
}

function shell(position, depth) {
  const row = make("div", "wf-row");
  row.setAttribute("role", "row");
  row.setAttribute("aria-level", String(depth + 1));
  row.setAttribute("aria-rowindex", String(position + 2));
  row.tabIndex = -1;
  const name = make("div", "wf-name");
  name.setAttribute("role", "gridcell");
  name.style.paddingLeft = `${8 + Math.min(depth, 20) * 12}px`;
  const line = make("div", "wf-line");
  line.setAttribute("role", "gridcell");
  row.append(name, line);
  return { row, name, line };
}

function toggle(expanded) {
  const button = make("button", "wf-toggle", expanded ? "▾" : "▸");
  button.type = "button";
  button.tabIndex = -1;
  button.setAttribute("aria-label", t("toggle"));
  return button;
}

function nodeRow(scene, i, position) {
  const { m } = scene;
  const { columns } = m;
  const flags = columns.flags[i];
  const { row, name, line } = shell(position, columns.depth[i]);
  const service = m.services[columns.service[i]];
  row.classList.add(`svc-${scene.palette[service] ?? 0}`);
  row.classList.toggle("error", Boolean(flags & FLAG.error));
  row.classList.toggle("placeholder", Boolean(flags & FLAG.placeholder));
  row.classList.toggle("unfinished", Boolean(flags & FLAG.unfinished));
  row.classList.toggle("match", Boolean(scene.marks?.[i]));
  row.classList.toggle("selected", scene.selected === i);
  row.dataset.at = String(i);
  if (hasChildren(m, i)) {
    const expanded = !scene.collapsed.has(i);
    row.setAttribute("aria-expanded", String(expanded));
    name.append(toggle(expanded));
  } else name.style.paddingLeft = `${8 + TOGGLE + Math.min(columns.depth[i], 20) * 12}px`;
  name.append(make("span", "wf-path", columns.span_id[i]), what(m, i, service));
  marksOf(name, flags, columns.attempt[i]);
  bars(scene, line, i);
  return row;
}

function what(m, i, service) {
  const { columns } = m;
  const element = make("span", "wf-what");
  const operation = m.names[columns.name[i]];
  element.append(make("span", "wf-service", service || columns.peer[i] || t("missing")), make("span", "wf-op", operation));
  element.title = `${service} ${operation}`;
  return element;
}

function marksOf(name, flags, attempt) {
  if (flags & FLAG.error) name.append(icon("error", t("error"), "error"));
  else if (flags & FLAG.below) name.append(make("span", "wf-mark", "○"));
  if (flags & FLAG.unreceived) name.append(icon("warn", t("unreceived"), "warn"));
  else if (flags & FLAG.warnings) name.append(icon("warn", t("warning"), "warn"));
  if (attempt) name.append(make("span", "badge", t("attempt", { n: attempt + 1 })));
}

function place(element, [from, to], start, length) {
  const whole = to - from;
  element.style.left = `${(100 * (start - from)) / whole}%`;
  element.style.width = `${(100 * length) / whole}%`;
}

function bars(scene, line, i) {
  const { columns } = scene.m;
  const { window } = scene;
  const start = columns.start[i];
  const length = columns.duration[i];
  const two = columns.inner_start[i] >= 0;
  const outer = make("div", two ? "wf-bar two" : "wf-bar");
  place(outer, window, start, length);
  line.append(outer);
  if (two) {
    const inner = make("div", "wf-bar inner");
    place(inner, window, columns.inner_start[i], columns.inner_duration[i]);
    line.append(inner);
  }
  for (const [from, to] of scene.critical?.get(i) ?? []) {
    const mark = make("div", "wf-critical");
    place(mark, window, from, to - from);
    line.append(mark);
  }
  if (columns.flags[i] & FLAG.placeholder) return;
  // Beside both bars: with skewed clocks the callee's can lie outside its caller's.
  const first = two ? Math.min(start, columns.inner_start[i]) : start;
  const last = two ? Math.max(start + length, columns.inner_start[i] + columns.inner_duration[i]) : start + length;
  label(line, window, first, last, duration(length));
}

/** The figure stands right of its bar, or left of it where no room is left. */
function label(line, [from, to], start, end, text) {
  const time = make("span", "wf-time", text);
  const right = (end - from) / (to - from);
  const left = (start - from) / (to - from);
  if (right < 0.86) time.style.left = `${Math.max(0, right) * 100}%`;
  else if (left > 0.12) time.style.right = `${Math.max(0, 1 - left) * 100}%`;
  else {
    time.classList.add("over");
    time.style.left = `${Math.max(0, left) * 100}%`;
  }
  line.append(time);
}

function foldRow(scene, fold, position) {
  const { m } = scene;
  const { columns } = m;
  const i = fold.from;
  const { row, name, line } = shell(position, columns.depth[i]);
  const figures = foldFigures(m, fold.from, fold.to);
  const service = m.services[columns.service[i]];
  row.classList.add(`svc-${scene.palette[service] ?? 0}`);
  row.dataset.fold = String(i);
  row.setAttribute("aria-expanded", String(scene.unfolded.has(i)));
  name.append(toggle(scene.unfolded.has(i)), what(m, i, service));
  name.append(make("span", "badge", t("folded", { n: figures.count, total: duration(figures.total), max: duration(figures.max) })));
  if (figures.errors) name.append(icon("error", t("error"), "error"));
  const bar = make("div", "wf-bar two");
  place(bar, scene.window, figures.start, figures.end - figures.start);
  line.append(bar);
  return row;
}

function hiddenRow(gap, position) {
  const { row, name } = shell(position, gap.depth);
  const key = gap.errors ? "hidden_errors" : "hidden";
  name.append(make("span", "small muted", t(key, { n: gap.hidden, errors: gap.errors })));
  return row;
}
