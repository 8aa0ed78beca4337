// Home: live figures, and a filter over the table's rows.

import { watchFirst } from "./first.js";
import { live, takeOver } from "./live.js";
import { changed, remember } from "./url.js";

/** Milliseconds of silence in the box before the server is asked. */
const PAUSE = 200;

const box = document.getElementById("filter");
let timer = 0;
let running = null;

/** Hide what does not match; where the page holds only some of the services, or a search of them, the server looks. */
function filter() {
  clearTimeout(timer);
  const table = document.getElementById("services");
  if (!("whole" in table.dataset)) {
    timer = setTimeout(ask, PAUSE);
    return;
  }
  const wanted = box.value.trim().toLowerCase();
  for (const row of table.querySelectorAll("tbody tr[data-name]")) row.hidden = !row.dataset.name.includes(wanted);
}

async function ask() {
  running?.abort();
  running = new AbortController();
  remember({ q: box.value.trim() });
  try {
    const answer = await fetch(changed(location.href, {}), { signal: running.signal, headers: { accept: "text/html" } });
    if (answer.ok) takeOver(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch (error) {
    if (error.name !== "AbortError") location.reload();
  }
}

box?.addEventListener("input", filter);
live(() => box?.value && "whole" in document.getElementById("services").dataset && filter());
watchFirst();
