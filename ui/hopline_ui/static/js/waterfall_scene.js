// What one waterfall shows: its data, what is folded, filtered, marked and selected. The address keeps it.

import { param, remember } from "./url.js";
import { both, collapsedFrom, flipped, ofServices, stretchesByNode, visible } from "./waterfall_model.js";

/** Rows that were folded one by one which the address can hold. */
const MOST_KEYS = 60;

const list = (name) => param(name).split(",").filter(Boolean);

export class Scene {
  /** @param {any} m a model @param {Object<string, number>} palette @param {{critical_path: number[][], adjusted: boolean}} timeline */
  constructor(m, palette, { critical_path: path, adjusted }) {
    this.m = m;
    this.palette = palette;
    this.window = [Number(param("t0")) || 0, Number(param("t1")) || m.whole];
    if (!(this.window[0] >= 0 && this.window[1] > this.window[0])) this.window = [0, m.whole];
    this.path = path;
    this.adjusted = adjusted;
    this.stretches = stretchesByNode(path);
    this.critical = param("path") === "1";
    this.only = param("only") === "1";
    this.level = Number(param("level")) || Infinity;
    this.toggled = this.nodesOf(list("fold"));
    this.unfolded = this.nodesOf(list("open"));
    this.services = new Set(list("services").map(decodeURIComponent));
    /** Pixels of the lines. */
    this.width = 600;
    this.marks = null;
    this.selected = m.columns.key.indexOf(param("span"));
    /** Nodes whose children are not shown. */
    this.collapsed = new Set();
    this.rows = [];
    this.heard = { rows: [], bars: [], window: [] };
  }

  /** Be told when `what` ("rows", "bars" or "window") changes. */
  on(what, listener) {
    this.heard[what].push(listener);
  }

  tell(what) {
    for (const listener of this.heard[what]) listener();
  }

  nodesOf(keys) {
    const wanted = new Set(keys);
    const found = new Set();
    if (wanted.size) this.m.columns.key.forEach((key, i) => wanted.has(key) && found.add(i));
    return found;
  }

  /** Marks of what the filters leave, or null for everything. */
  kept() {
    return both(this.only ? this.marks : null, ofServices(this.m, this.services));
  }

  /** Work the rows out anew. */
  arrange() {
    this.collapsed = flipped(collapsedFrom(this.m, this.level), this.toggled);
    this.rows = visible(this.m, { collapsed: this.collapsed, unfolded: this.unfolded, keep: this.kept() });
  }

  /** Work the rows out anew, and keep the choice in the address. */
  layout() {
    this.arrange();
    const keys = (nodes) => (nodes.size > MOST_KEYS ? "" : [...nodes].map((i) => this.m.columns.key[i]).join(","));
    remember({
      only: this.only ? "1" : "",
      services: [...this.services].map(encodeURIComponent).join(","),
      level: Number.isFinite(this.level) ? this.level : "",
      fold: keys(this.toggled),
      open: keys(this.unfolded),
    });
    this.tell("rows");
  }

  setWindow(window) {
    this.window = window;
    const whole = window[0] <= 0 && window[1] >= this.m.whole;
    remember({ t0: whole ? "" : Math.round(window[0]), t1: whole ? "" : Math.round(window[1]) });
    this.tell("window");
    this.tell("bars");
  }

  setCritical(on) {
    this.critical = on;
    remember({ path: on ? "1" : "" });
    this.tell("bars");
  }

  select(i) {
    this.selected = i;
    remember({ span: i >= 0 ? this.m.columns.key[i] : "" });
    this.tell("bars");
  }

  /** Node of the row at a position; -1 for a row that stands for several hidden ones. */
  nodeAt(position) {
    const row = this.rows[position];
    return typeof row === "number" ? row : row?.from ?? -1;
  }

  positionOf(i) {
    return this.rows.indexOf(i);
  }
}
