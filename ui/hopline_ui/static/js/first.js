// The first minute: an empty store watches for its first trace and leads to it.

import { say } from "./copy.js";
import { poll } from "./poll.js";
import { below } from "./url.js";
import { t } from "./words.js";

const EVERY = 2;

/** Watch where the page says that nothing was received yet. */
export function watchFirst() {
  if (!document.getElementById("start-watch")) return;
  const watching = poll(async (signal) => {
    const answer = await fetch(below("/api/v1/traces?limit=1"), { signal });
    if (!answer.ok) throw new Error(String(answer.status));
    const [first] = (await answer.json()).traces;
    if (!first) return;
    watching.stop();
    say(t("first_trace"));
    location.assign(below(`/trace/${first.trace_id}`));
  }, { seconds: EVERY });
}
