// Find: the server looks through names, tags and annotations of the whole trace; hits are counted and walked.

import { below, changed, param, remember } from "./url.js";
import { FLAG, next } from "./waterfall_model.js";
import { t } from "./words.js";

/** Milliseconds of silence in the box before the server is asked. */
const PAUSE = 80;

async function ask(traceId, adjusted, text, signal) {
  const path = below(`/api/v1/traces/${traceId}/found`);
  const params = { words: text, adjust: adjusted, root: param("root") };
  const answer = await fetch(changed(new URL(path, location.href).href, params), { signal });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

/** Has the server gather what a search looks through while the rows are drawn: then the first is as quick as the next. */
export function gathered(traceId, adjusted) {
  return ask(traceId, adjusted, "").catch(() => null);
}

/** @param {import("./waterfall_scene.js").Scene} scene @param {Promise<unknown>} ready a search waits for it */
export function find(scene, rows, traceId, ready) {
  const box = document.getElementById("find");
  const line = document.getElementById("found");
  let timer = 0;
  let running = null;
  /** What waits for the box to be still. */
  let waiting = [];
  let reveal = null;

  const marked = () => scene.marks?.reduce((sum, mark) => sum + mark, 0) ?? 0;

  const still = () => timer === 0 && running === null;

  function rest() {
    if (!still()) return;
    for (const go of waiting.splice(0)) go();
  }

  async function search(text) {
    running?.abort();
    timer = 0;
    const own = (running = new AbortController());
    await look(text, own.signal);
    if (running === own) running = null;
    rest();
  }

  async function look(text, signal) {
    remember({ q: text });
    if (!text.trim()) return show(null, "");
    line.textContent = t("loading");
    try {
      await ready;
      const { found } = await ask(traceId, scene.adjusted, text, signal);
      const marks = new Uint8Array(scene.m.n);
      for (const i of found) if (i < marks.length) marks[i] = 1;
      show(marks, found.length ? t("all_rows", { n: found.length }) : t("nothing_found"));
      bring();
    } catch (error) {
      if (error.name !== "AbortError") show(null, t("failed"));
    }
  }

  function show(marks, text) {
    scene.marks = marks;
    line.textContent = text;
    scene.layout();
  }

  /** Scroll to the first that the filters leave, where none is in sight and no span is open; the box keeps the focus. */
  function bring() {
    if (scene.selected >= 0 || rows.shows((at) => scene.marks[at] === 1)) return;
    const kept = scene.kept();
    const i = scene.marks.findIndex((mark, at) => mark && (!kept || kept[at]));
    if (i >= 0) rows.bring(reveal(i));
  }

  /** To the next of those that the filters leave; without one nothing moves. */
  function step(wanted, direction) {
    const kept = scene.kept();
    const i = next(scene.m.n, (at) => wanted(at) && (!kept || kept[at]), scene.nodeAt(rows.active()), direction);
    if (i >= 0) {
      const position = reveal(i);
      rows.bring(position);
      rows.focusRow(position);
    }
    return i;
  }

  function nextMatch(direction) {
    if (!scene.marks) return;
    const i = step((at) => scene.marks[at] === 1, direction);
    if (i < 0) return;
    const before = scene.marks.slice(0, i + 1).reduce((sum, mark) => sum + mark, 0);
    line.textContent = t("found", { at: before, n: marked() });
  }

  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE, box.value);
  });
  document.getElementById("find-form").addEventListener("submit", (event) => {
    event.preventDefault();
    nextMatch(1);
  });
  document.getElementById("find-on").addEventListener("click", () => nextMatch(1));
  document.getElementById("find-back").addEventListener("click", () => nextMatch(-1));
  return {
    /** Resolves once nothing is typed and no search is under way: what costs the server more comes after it. */
    still: () => new Promise((go) => {
      waiting.push(go);
      rest();
    }),
    find: () => box.focus(),
    match: nextMatch,
    error: (direction) => step((at) => Boolean(scene.m.columns.flags[at] & FLAG.error), direction),
    /** First drawing, with what the address asks for. */
    begin() {
      reveal = this.reveal;
      scene.layout();
      if (param("q")) search(param("q"));
    },
  };
}
