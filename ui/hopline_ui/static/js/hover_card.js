// What a row's call did, beside the pointer: the server renders the card, once per call.

import { below, changed } from "./url.js";

/** Milliseconds the pointer rests on a row before its card comes. */
const REST = 220;
const MOST = 200;

/** @param {HTMLElement} grid @param {import("./waterfall_scene.js").Scene} scene @param {string} traceId */
export function hoverCard(grid, scene, traceId) {
  const card = document.getElementById("card");
  const known = new Map();
  let timer = 0;
  let wanted = "";

  async function html(key) {
    if (known.has(key)) return known.get(key);
    const path = below(`/trace/${traceId}/card/${encodeURIComponent(key)}`);
    const answer = await fetch(changed(new URL(path, location.href).href, { adjust: scene.adjusted }));
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (known.size >= MOST) known.clear();
    known.set(key, page.body);
    return page.body;
  }

  async function show(key, row, x) {
    try {
      const body = await html(key);
      if (wanted !== key || !row.isConnected) return;
      card.replaceChildren(...body.cloneNode(true).childNodes);
      card.hidden = false;
      place(row.getBoundingClientRect(), x);
    } catch {
      hide();
    }
  }

  /** Under the row, or above it where there is no room; never under the pointer. */
  function place(row, x) {
    const { offsetWidth: width, offsetHeight: height } = card;
    const left = Math.min(Math.max(x + 14, 8), window.innerWidth - width - 8);
    const top = row.bottom + 6 + height < window.innerHeight ? row.bottom + 6 : row.top - height - 6;
    card.style.left = `${left}px`;
    card.style.top = `${Math.max(top, 4)}px`;
  }

  function hide() {
    clearTimeout(timer);
    wanted = "";
    card.hidden = true;
  }

  grid.addEventListener("pointerover", (event) => {
    const row = event.target.closest?.(".wf-rows > .wf-row[data-at]");
    if (!row || event.pointerType === "touch" || event.buttons) return hide();
    const key = scene.m.columns.key[Number(row.dataset.at)];
    if (key === wanted) return;
    hide();
    wanted = key;
    timer = setTimeout(show, REST, key, row, event.clientX);
  });
  grid.addEventListener("pointerleave", hide);
  grid.addEventListener("pointerdown", hide);
  grid.addEventListener("scroll", hide, { passive: true });
  document.addEventListener("keydown", hide);
}
