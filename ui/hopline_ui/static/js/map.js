// The map: find, zoom, pan, drag boxes; refreshed in place while the range is live.

import { live } from "./live.js";
import { changed } from "./url.js";

const view = () => document.getElementById("map-view");
const svg = () => document.getElementById("map");
const box = document.getElementById("map-find");
const storeKey = `hop-map:${document.documentElement.dataset.base}${new URL(location.href).searchParams.get("focus") ?? ""}`;
const FAR = 0.6;
/** A first view smaller than this could not be read: it scrolls instead. */
const READABLE = 0.55;

let scale = 0;

/** How many times smaller or larger than drawn; 0 lets it fit. */
function setScale(value) {
  const map = svg();
  if (!map) return;
  const { width, height } = map.dataset;
  const fits = Math.min(1, (view().clientWidth - 4) / Number(width));
  scale = value ? Math.min(Math.max(value, 0.2), 3) : fits;
  map.setAttribute("width", String(Math.round(Number(width) * scale)));
  map.setAttribute("height", String(Math.round(Number(height) * scale)));
  map.classList.toggle("far", scale < FAR);
}

function find() {
  const map = svg();
  if (!map || !box) return;
  const wanted = box.value.trim().toLowerCase();
  const hits = new Set();
  for (const node of map.querySelectorAll(".node")) {
    const hit = node.dataset.name.toLowerCase().includes(wanted);
    node.classList.toggle("dim", Boolean(wanted) && !hit);
    if (hit) hits.add(node.dataset.name);
  }
  for (const edge of map.querySelectorAll(".edge")) {
    edge.classList.toggle("dim", Boolean(wanted) && !hits.has(edge.dataset.caller) && !hits.has(edge.dataset.callee));
  }
  if (wanted && hits.size === 1) map.querySelector(".node:not(.dim)").scrollIntoView({ block: "nearest", inline: "center" });
}

const moved = JSON.parse(localStorage.getItem(storeKey) ?? "{}");

function applyMoves() {
  const map = svg();
  if (!map) return;
  for (const node of map.querySelectorAll(".node")) {
    const by = moved[node.dataset.name];
    if (by) node.setAttribute("transform", `translate(${by.x} ${by.y})`);
  }
  for (const edge of map.querySelectorAll(".edge")) bend(edge);
  const reset = document.getElementById("map-reset");
  if (reset) reset.hidden = Object.keys(moved).length === 0;
}

/** An edge of a moved box is drawn as one curve between where its ends stand now. */
function bend(edge) {
  const from = moved[edge.dataset.caller];
  const to = moved[edge.dataset.callee];
  if (!from && !to) return;
  const line = edge.querySelector(".line");
  edge.dataset.path ??= line.getAttribute("d");
  const numbers = edge.dataset.path.match(/-?[\d.]+/g).map(Number);
  const [x0, y0] = [numbers[0] + (from?.x ?? 0), numbers[1] + (from?.y ?? 0)];
  const [x1, y1] = [numbers.at(-2) + (to?.x ?? 0), numbers.at(-1) + (to?.y ?? 0)];
  const middle = (x0 + x1) / 2;
  const path = `M${x0} ${y0}C${middle} ${y0} ${middle} ${y1} ${x1} ${y1}`;
  for (const part of edge.querySelectorAll("path")) part.setAttribute("d", path);
  const label = svg().querySelector(`[data-key="${CSS.escape(`l-${edge.dataset.caller}→${edge.dataset.callee}`)}"]`);
  label?.setAttribute("transform", `translate(${middle - Number(label.getAttribute("x"))} ${(y0 + y1) / 2 - Number(label.getAttribute("y"))})`);
}

function wireDrag() {
  let held = null;
  let pan = null;
  document.addEventListener("pointerdown", (event) => {
    const area = event.target.closest?.("#map-view");
    if (!area || event.button !== 0) return;
    const node = event.target.closest(".node");
    const at = { x: event.clientX, y: event.clientY };
    if (node) held = { name: node.dataset.name, at, start: moved[node.dataset.name] ?? { x: 0, y: 0 }, far: false };
    else if (!event.target.closest(".edge")) pan = { at, left: area.scrollLeft, top: area.scrollTop };
    if (pan) area.classList.add("panning");
  });
  document.addEventListener("pointermove", (event) => {
    if (pan) {
      view().scrollLeft = pan.left - (event.clientX - pan.at.x);
      view().scrollTop = pan.top - (event.clientY - pan.at.y);
    }
    if (!held) return;
    const by = { x: event.clientX - held.at.x, y: event.clientY - held.at.y };
    if (!held.far && Math.hypot(by.x, by.y) < 5) return;
    held.far = true;
    moved[held.name] = { x: Math.round(held.start.x + by.x / scale), y: Math.round(held.start.y + by.y / scale) };
    applyMoves();
  });
  document.addEventListener("pointerup", () => {
    view()?.classList.remove("panning");
    pan = null;
    if (held?.far) {
      localStorage.setItem(storeKey, JSON.stringify(moved));
      document.addEventListener("click", (event) => event.preventDefault(), { capture: true, once: true });
    }
    held = null;
  });
  document.addEventListener("dragstart", (event) => event.target.closest?.("#map-view") && event.preventDefault());
}

function wireTools() {
  box?.addEventListener("input", find);
  box?.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  document.getElementById("zoom-in")?.addEventListener("click", () => setScale(scale * 1.25));
  document.getElementById("zoom-out")?.addEventListener("click", () => setScale(scale / 1.25));
  document.getElementById("zoom-fit")?.addEventListener("click", () => setScale(0));
  document.getElementById("map-reset")?.addEventListener("click", () => {
    localStorage.removeItem(storeKey);
    location.reload();
  });
  view()?.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    setScale(scale * (event.deltaY < 0 ? 1.1 : 1 / 1.1));
  }, { passive: false });
  document.querySelector(".map-form")?.addEventListener("change", (event) => {
    if (event.target.name === "focus") location.assign(changed(location.href, { focus: event.target.value, node: "" }));
  });
}

setScale(0);
if (scale < READABLE) setScale(READABLE);
applyMoves();
wireTools();
wireDrag();
live(() => {
  setScale(scale);
  applyMoves();
  find();
});
