// The trace against its operation's usual run: a second strip on the scale of the first, and what stands out in a sentence.

import { count, duration } from "./fmt.js";
import { below, changed } from "./url.js";
import { make } from "./waterfall_rows.js";
import { t } from "./words.js";

/** Half the time around the trace in which its operation's other runs are looked for, in microseconds. */
const AROUND = 1_800_000_000;
/** Other runs, at ten calls each, in which the path of the usual one is looked for. */
const RUNS = 1_000;
/** Other runs from which on something is usual. */
const LEAST_RUNS = 5;
/** Calls that are told below the first. */
const MORE = 9;

async function asked(path, params) {
  const answer = await fetch(changed(new URL(below(`/api/v1${path}`), location.href).href, params));
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

/** The middle band's time on the path by service, most first. @param {{parts: {service: string, us: number}[]}} band */
export function usualParts(band) {
  const sums = new Map();
  for (const { service, us } of band.parts) sums.set(service, (sums.get(service) ?? 0) + us);
  return [...sums].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

function sentence({ service, operation, took_us: took, usual_us: usual }) {
  return t("usual_call", { call: `${service} ${operation}`, usual: duration(usual), took: duration(took) });
}

/**
 * @param {HTMLElement} box @param {HTMLElement} strip @param {{scene: import("./waterfall_scene.js").Scene, timeline: any, open: (key: string) => void}} page
 */
export function usual(box, strip, { scene, timeline, open }) {
  const { trace_id: id, service, name, start_us: start, duration_us: took } = timeline;

  function callButton(call) {
    const button = make("button", "usual-call", sentence(call));
    button.type = "button";
    button.addEventListener("click", () => open(call.key));
    return button;
  }

  function told({ calls, compared }) {
    if (compared < LEAST_RUNS) return;
    const [first, ...others] = calls;
    const line = make("p", "small muted", first ? "" : t("usual_calm", { n: count(compared) }));
    if (first) line.append(callButton(first), t("usual_of", { n: count(compared) }));
    box.replaceChildren(line);
    if (!others.length) return;
    const more = make("details", "small");
    more.append(make("summary", "", t("usual_more", { n: count(others.length) })));
    more.addEventListener("toggle", () => more.append(...others.slice(0, MORE).map(callButton)), { once: true });
    box.append(more);
  }

  function drawn({ bands }) {
    const band = bands.find((one) => one.band === "p50" && one.traces >= LEAST_RUNS);
    if (!band || !took) return;
    const most = Math.max(took, band.took_us);
    const bar = make("div", "strip-bar strip-usual");
    bar.style.width = `${(100 * band.took_us) / most}%`;
    for (const [part, us] of usualParts(band)) {
      const element = make("span", `strip-part svc-${scene.palette[part] ?? 0}`);
      element.style.flexGrow = String(us);
      element.title = `${part || t("missing")} ${duration(us)}`;
      bar.append(element);
    }
    const own = strip.querySelector(".strip-bar");
    if (own) own.style.width = `${(100 * took) / most}%`;
    strip.append(bar);
    bar.title = t("usual_run", { time: duration(band.took_us), n: count(band.traces) });
  }

  if (!service) return;
  asked(`/traces/${id}/usual`, {}).then(told).catch(() => box.replaceChildren(make("p", "small muted", t("usual_failed"))));
  const around = { from: Math.max(0, start - AROUND), to: start + AROUND };
  asked("/critical-path", { service, operation: name, ...around, traces: RUNS }).then(drawn).catch(() => {});
}
