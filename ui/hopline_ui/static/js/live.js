// Live pages: fetch this address again and take over the parts marked data-morph.

import { say } from "./copy.js";
import { duration } from "./fmt.js";
import { morph } from "./morph.js";
import { poll } from "./poll.js";
import { pulse } from "./pulse.js";
import { localTimes } from "./times.js";
import { t } from "./words.js";

let updatedAt = Date.now();

/** Start refreshing if the page's range is live; `after` runs when new figures stand. */
export function live(after = () => {}) {
  const line = document.getElementById("updated");
  if (!line || line.dataset.live !== "1") return;
  setInterval(() => age(line), 1000);
  const polling = poll((signal) => refresh(signal, after), {
    seconds: Number(line.dataset.refresh),
    onDone: () => lost(false),
    onFail: () => lost(true),
  });
  pulse({ onLost: () => lost(true), onBack: polling.now });
}

function age(line) {
  line.textContent = t("updated", { n: duration(Math.max(1, Math.round((Date.now() - updatedAt) / 1000)) * 1e6) });
}

/** The badge says what is true: live, or that nobody answers; old figures stay, with a mark. */
function lost(away) {
  stale(away ? t("stale") : "");
  const badge = document.getElementById("live");
  if (!badge || badge.classList.contains("lost") === away) return;
  badge.classList.toggle("lost", away);
  badge.querySelector(".live-word").textContent = t(away ? "live_lost" : "live");
  say(t(away ? "live_lost" : "live"));
}

function stale(text) {
  for (const mark of document.querySelectorAll("[data-stale]")) {
    mark.textContent = text;
    mark.hidden = !text;
  }
}

async function refresh(signal, after) {
  const answer = await fetch(location.href, { signal, headers: { accept: "text/html" } });
  if (!answer.ok) throw new Error(String(answer.status));
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  takeOver(page);
  updatedAt = Date.now();
  after(page);
}

/** Make the parts marked data-morph equal to those of a newer page. @param {Document} page */
export function takeOver(page) {
  localTimes(page);
  for (const part of document.querySelectorAll("[data-morph]")) {
    const newer = page.querySelector(`[data-morph="${part.dataset.morph}"]`);
    if (newer) morph(part, newer);
  }
  const now = page.querySelector('[data-key="freshness"]');
  const line = document.querySelector('[data-key="freshness"]');
  if (now && line) morph(line, now);
}
