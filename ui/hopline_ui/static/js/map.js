// The map: find, zoom, light up neighbours, panel in place; refreshed while the range is live.

import { watchFirst } from "./first.js";
import { live, takeOver } from "./live.js";
import { moving } from "./map_moves.js";
import { scaling } from "./map_scale.js";
import { wireRange } from "./range.js";
import { replay } from "./replay.js";
import { changed, param } from "./url.js";

const view = () => document.getElementById("map-view");
const svg = () => document.getElementById("map");
const box = document.getElementById("map-find");
const storeKey = `hop-map:${document.documentElement.dataset.base}${param("focus")}${param("show") === "groups" ? `:${param("open")}` : ""}`;

const moves = moving(storeKey, svg, view, () => scales.value(), () => scales.label());
const scales = scaling(svg, view, moves.movedBy);

const named = (node) => `${node.dataset.name} ${node.dataset.label}`.toLowerCase();

function find() {
  const map = svg();
  if (!map || !box) return [];
  const wanted = box.value.trim().toLowerCase();
  const hits = new Map();
  for (const node of map.querySelectorAll(".node")) {
    const hit = named(node).includes(wanted);
    node.classList.toggle("dim", Boolean(wanted) && !hit);
    if (hit) hits.set(node.dataset.name, node);
  }
  for (const edge of map.querySelectorAll(".edge")) {
    edge.classList.toggle("dim", Boolean(wanted) && !hits.has(edge.dataset.caller) && !hits.has(edge.dataset.callee));
  }
  if (wanted && hits.size) scales.centre([...hits.values()][0]);
  return wanted ? [...hits.keys()] : [];
}

/** Enter goes to what was found: its box where it is drawn, the map around it where it is not. */
function fly(event) {
  if (event.key !== "Enter") return;
  event.preventDefault();
  const hits = find();
  const exact = [...document.querySelectorAll("#map-names option")].find((option) => option.value.toLowerCase() === box.value.trim().toLowerCase());
  if (hits.length) svg().querySelector(`.node[data-name="${CSS.escape(hits.find((name) => name === exact?.value) ?? hits[0])}"]`).focus({ preventScroll: true });
  else if (exact) location.assign(changed(location.href, { focus: exact.value, node: "", show: "", open: "" }));
}

/** Light a node with all it calls and is called by, or an edge with its ends. */
function light(target) {
  const map = svg();
  const centre = target?.closest?.(".node, .edge");
  map.classList.toggle("lit", Boolean(centre));
  if (!centre) return;
  const ends = centre.matches(".edge") ? new Set([centre.dataset.caller, centre.dataset.callee]) : new Set([centre.dataset.name]);
  const near = new Set(ends);
  for (const edge of map.querySelectorAll(".edge")) {
    const touches = centre.matches(".edge") ? edge === centre : ends.has(edge.dataset.caller) || ends.has(edge.dataset.callee);
    edge.classList.toggle("near", touches);
    if (touches) near.add(edge.dataset.caller).add(edge.dataset.callee);
  }
  for (const node of map.querySelectorAll(".node")) node.classList.toggle("near", near.has(node.dataset.name));
}

/** Follow a link of this page without loading it anew: only its parts change, nothing moves. */
async function go(href, push = true) {
  const answer = await fetch(href, { headers: { accept: "text/html" } });
  if (!answer.ok) return location.assign(href);
  if (push) history.pushState(null, "", href);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  takeOver(page);
  after();
  return page;
}

/** A moment of the past: the map, and what the bar says of the range. */
async function goBack(href) {
  const page = await go(href, false);
  if (!page) return;
  history.replaceState(null, "", href);
  for (const name of [".range", "#live"]) {
    const newer = page.querySelector(name);
    if (newer) document.querySelector(name)?.replaceWith(document.adoptNode(newer));
  }
  wireRange();
}

function stays(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const href = link.getAttribute("href");
  const target = new URL(href, location.href);
  const same = target.pathname === location.pathname && ["show", "open", "focus", "from", "to"].every((name) => (target.searchParams.get(name) ?? "") === param(name));
  if (!same || !link.closest(".map-body")) return;
  event.preventDefault();
  go(target.href);
}

function wire() {
  box?.addEventListener("input", find);
  box?.addEventListener("keydown", fly);
  document.getElementById("zoom-in")?.addEventListener("click", () => scales.by(1.25));
  document.getElementById("zoom-out")?.addEventListener("click", () => scales.by(1 / 1.25));
  document.getElementById("zoom-fit")?.addEventListener("click", () => scales.set(0));
  document.querySelector(".map-form")?.addEventListener("change", (event) => {
    if (event.target.name === "focus") location.assign(changed(location.href, { focus: event.target.value, node: "", show: "" }));
  });
  document.addEventListener("click", stays);
  window.addEventListener("popstate", () => go(location.href, false));
  const area = view();
  if (!area) return;
  area.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    scales.by(event.deltaY < 0 ? 1.1 : 1 / 1.1);
  }, { passive: false });
  for (const name of ["pointerover", "focusin"]) area.addEventListener(name, (event) => light(event.target));
  for (const name of ["pointerleave", "focusout"]) area.addEventListener(name, () => light(null));
}

function after() {
  scales.redo();
  moves.apply();
  find();
}

const panel = document.querySelector(".map-panel");
const replays = document.getElementById("replay");
if (replays && panel?.dataset.from) replay(replays, [Number(panel.dataset.from), Number(panel.dataset.to)], goBack);
if (svg()) scales.begin();
moves.apply();
wire();
live(() => svg() && after());
watchFirst();
