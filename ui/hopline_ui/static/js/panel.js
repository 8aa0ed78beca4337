// The side panel: the server renders it, here it is fetched and put in place.

import { below, changed } from "./url.js";
import { localTimes } from "./times.js";
import { make } from "./waterfall_rows.js";
import { t } from "./words.js";

/** Milliseconds after which it is said that the details are on their way. */
const LATE = 200;

/** @param {string} traceId @param {{onClose: () => void, onSpan: (key: string) => void}} handlers */
export function panel(traceId, { onClose, onSpan }) {
  const box = document.getElementById("panel");
  const body = document.getElementById("wf-body");
  let running = null;

  function wire() {
    box.querySelector("#panel-close")?.addEventListener("click", (event) => {
      event.preventDefault();
      close();
    });
    for (const link of box.querySelectorAll("[data-span]")) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        onSpan(link.dataset.span);
      });
    }
  }

  async function show(key, adjust) {
    running?.abort();
    running = new AbortController();
    const path = below(`/trace/${traceId}/node/${encodeURIComponent(key)}`);
    body.classList.add("with-panel");
    box.hidden = false;
    const waiting = setTimeout(() => box.replaceChildren(make("p", "panel-failed muted", t("loading"))), LATE);
    try {
      const answer = await fetch(changed(new URL(path, location.href).href, { adjust }), { signal: running.signal });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      clearTimeout(waiting);
      box.replaceChildren(...page.body.childNodes);
      box.scrollTop = 0;
      localTimes(box);
      wire();
    } catch (error) {
      clearTimeout(waiting);
      if (error.name !== "AbortError") failed(key, adjust);
    }
  }

  function failed(key, adjust) {
    const again = make("button", "", t("retry"));
    again.type = "button";
    again.addEventListener("click", () => show(key, adjust));
    const line = make("p", "panel-failed", t("failed"));
    line.setAttribute("role", "alert");
    line.append(again);
    box.replaceChildren(line);
  }

  function close() {
    running?.abort();
    if (box.hidden) return;
    box.hidden = true;
    body.classList.remove("with-panel");
    onClose();
  }

  return { show, close, wire };
}
