// Ask again every so often: not while hidden, never twice at once, slower when it fails.

/** Seconds after which an answer is no longer waited for. */
const LIMIT = 15;

/** Seconds until the next try after `failures` in a row. */
export function delay(seconds, failures) {
  return Math.min(seconds * 2 ** Math.min(failures, 4), 120);
}

/**
 * Call `task(signal)` every `seconds`. A task that rejects counts as a failure.
 * @param {(signal: AbortSignal) => Promise<void>} task
 * @param {{seconds: number, onFail?: (failures: number) => void, onDone?: () => void}} options
 * @returns {{stop: () => void, now: () => void}}
 */
export function poll(task, { seconds, onFail = () => {}, onDone = () => {} }) {
  let timer = 0;
  let failures = 0;
  let running = null;
  let stopped = false;

  const plan = (wait) => {
    clearTimeout(timer);
    if (!stopped && !document.hidden) timer = setTimeout(run, wait * 1000);
  };

  async function run() {
    if (running || stopped) return;
    running = new AbortController();
    const limit = setTimeout(() => running?.abort(), LIMIT * 1000);
    try {
      await task(running.signal);
      failures = 0;
      onDone();
    } catch {
      failures += 1;
      if (!stopped) onFail(failures);
    } finally {
      clearTimeout(limit);
      running = null;
      plan(delay(seconds, failures));
    }
  }

  const onVisible = () => (document.hidden ? clearTimeout(timer) : plan(0));
  document.addEventListener("visibilitychange", onVisible);
  plan(seconds);
  return {
    /** At once; the failures before no longer count. */
    now() {
      failures = 0;
      plan(0);
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      running?.abort();
      document.removeEventListener("visibilitychange", onVisible);
    },
  };
}
