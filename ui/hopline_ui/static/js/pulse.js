// Whether the server answers: asked more often than new figures are, so that "Live" is true.

import { below } from "./url.js";

/** Seconds between two questions, and until one counts as unanswered. Together under 12. */
const EVERY = 4;
const LIMIT = 5;

/** @param {{onLost: () => void, onBack: () => void}} told */
export function pulse({ onLost, onBack }) {
  let lost = false;
  let timer = 0;

  async function beat() {
    if (document.hidden) return;
    const stop = new AbortController();
    const limit = setTimeout(() => stop.abort(), LIMIT * 1000);
    const here = await fetch(below("/pulse"), { signal: stop.signal, cache: "no-store" }).then((answer) => answer.ok, () => false);
    clearTimeout(limit);
    if (here === lost) (here ? onBack : onLost)();
    lost = !here;
    clearTimeout(timer);
    timer = setTimeout(beat, EVERY * 1000);
  }

  document.addEventListener("visibilitychange", () => !document.hidden && beat());
  timer = setTimeout(beat, EVERY * 1000);
}
