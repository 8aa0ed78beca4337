// One row of the waterfall as elements. Every row is one height, so that only those in sight exist.

import { duration } from "./fmt.js";
import { FLAG, foldFigures, hasChildren, indent, merged, shortPath } from "./waterfall_model.js";
import { t } from "./words.js";

/** Width of a toggle and the gap beside it, which a row without one leaves free. */
const TOGGLE = 24;

/** Width that the figure beside a bar takes at most. */
const LABEL = 64;

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

/** The element of one entry of `visible()`. @param {import("./waterfall_scene.js").Scene} scene */
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
  name.style.paddingLeft = indented(8, depth);
  const line = make("div", "wf-line");
  line.setAttribute("role", "gridcell");
  row.append(name, line);
  return { row, name, line };
}

/** In a narrow column the deepest rows are indented by less than half of it. */
function indented(first, depth) {
  const pixels = indent(depth);
  return `calc(${first}px + min(${pixels}px, ${pixels / 4}%))`;
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
  row.classList.toggle("dim", scene.critical && !scene.stretches.has(i));
  row.dataset.at = String(i);
  if (hasChildren(m, i)) {
    const expanded = !scene.collapsed.has(i);
    row.setAttribute("aria-expanded", String(expanded));
    name.append(toggle(expanded));
  } else name.style.paddingLeft = indented(8 + TOGGLE, columns.depth[i]);
  name.append(pathOf(columns.span_id[i]), what(m, i, service));
  marksOf(name, flags, columns.attempt[i]);
  bars(scene, line, i);
  return row;
}

function pathOf(path) {
  const element = make("span", "wf-path", shortPath(path));
  element.title = path;
  return element;
}

function what(m, i, service) {
  const { columns } = m;
  const element = make("span", "wf-what");
  const operation = m.names[columns.name[i]];
  element.append(make("bdi", "wf-service", service || columns.peer[i] || t("missing")), make("bdi", "wf-op", operation));
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
  if (scene.critical && scene.stretches.has(i)) line.append(band(scene.stretches.get(i), window));
  if (columns.flags[i] & FLAG.timeless) label(line, scene, start, start, t("time_unknown"));
  if (columns.flags[i] & FLAG.placeholder) return;
  // Beside both bars: with skewed clocks the callee's can lie outside its caller's.
  const first = two ? Math.min(start, columns.inner_start[i]) : start;
  const last = two ? Math.max(start + length, columns.inner_start[i] + columns.inner_duration[i]) : start + length;
  label(line, scene, first, last, duration(length));
}

/** The critical path along one row: one element, whatever the number of its stretches. */
function band(stretches, [from, to]) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "wf-critical");
  svg.setAttribute("viewBox", "0 0 2000 1");
  svg.setAttribute("preserveAspectRatio", "none");
  const x = (us) => Math.min(Math.max(((us - from) / (to - from)) * 2000, -1), 2001);
  const shown = merged(stretches, (to - from) / 2000);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", shown.map(([low, high]) => `M${x(low).toFixed(1)} 0H${Math.max(x(high), x(low) + 2).toFixed(1)}V1H${x(low).toFixed(1)}Z`).join(""));
  svg.dataset.stretches = String(shown.length);
  svg.append(path);
  return svg;
}

/** The figure stands right of its bar, or left of it where no room is left; over it where there is none at all. */
function label(line, { window: [from, to], width }, start, end, text) {
  const time = make("span", "wf-time", text);
  const right = (end - from) / (to - from);
  const left = (start - from) / (to - from);
  const room = Math.min(Math.max(0.14, LABEL / width), 0.5);
  if (right < 1 - room) time.style.left = `${Math.max(0, right) * 100}%`;
  else if (left > room) time.style.right = `${Math.max(0, 1 - left) * 100}%`;
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
