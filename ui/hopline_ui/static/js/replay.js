// Stepping through the last hours of the map: every moment is as long as the range, and nothing moves between them.

import { moment } from "./fmt.js";
import { changed, param } from "./url.js";
import { t } from "./words.js";

const LEAST_US = 6 * 3600 * 1e6;
const LEAST_STEPS = 12;
const MOST_STEPS = 48;
/** Milliseconds that a moment stands at least while the replay runs. */
const PACE = 700;

/** How many ranges of `length` microseconds a replay goes back: at least six hours where that is not too many. */
export function stepsOf(length) {
  return Math.min(MOST_STEPS, Math.max(LEAST_STEPS, Math.ceil(LEAST_US / length)));
}

/** Start and end of the moment `back` steps before the one that ends at `end`. */
export function momentOf(end, length, back) {
  return [end - length * (back + 1), end - length * back];
}

/** @param {HTMLElement} box @param {[number, number]} shown the range that is drawn @param {(href: string) => Promise<void>} go */
export function replay(box, shown, go) {
  const slider = box.querySelector("input");
  const time = box.querySelector("output");
  const button = box.querySelector("button");
  const zone = document.documentElement.dataset.zone;
  const over = [Number(param("over_from")), Number(param("over_to"))];
  const length = shown[1] - shown[0];
  const end = over[1] || shown[1];
  const steps = stepsOf(length);
  const began = { from: param("from"), to: param("to") };
  let running = false;

  function address(back) {
    const [from, to] = momentOf(end, length, back);
    const kept = { live_from: param("live_from") || began.from, live_to: param("live_to") || began.to };
    return changed(location.href, { from, to, ...kept, over_from: end - length * (steps + 1), over_to: end, live: "" });
  }

  function tell(back) {
    const [from, to] = momentOf(end, length, back);
    time.textContent = `${moment(from, "stamp", zone).slice(5, 16)} – ${moment(to, "stamp", zone).slice(11, 16)}`;
  }

  const back = () => steps - Number(slider.value);

  async function show() {
    tell(back());
    await go(address(back()));
    const leave = box.querySelector("a");
    leave.href = changed(location.href, { from: param("live_from"), to: param("live_to"), over_from: "", over_to: "", live_from: "", live_to: "" });
    leave.hidden = false;
  }

  async function run() {
    running = !running;
    button.textContent = running ? `■ ${t("replay_stop")}` : `▶ ${t("replay_play")}`;
    if (running && !back()) slider.value = "0";
    while (running) {
      await Promise.all([show(), new Promise((done) => setTimeout(done, PACE))]);
      if (!back()) break;
      if (running) slider.value = String(Number(slider.value) + 1);
    }
    running = false;
    button.textContent = `▶ ${t("replay_play")}`;
  }

  slider.max = String(steps);
  slider.value = String(over[1] ? Math.round(steps - (end - shown[1]) / length) : steps);
  if (over[1]) tell(back());
  slider.addEventListener("input", () => tell(back()));
  slider.addEventListener("change", () => {
    running = false;
    show();
  });
  button.addEventListener("click", run);
  box.hidden = false;
}
