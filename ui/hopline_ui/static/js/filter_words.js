// Suggestions of the filter box: keys that are stored, then operators, then values of the key that was typed.

import { below, changed } from "./url.js";

const OPERATORS = ["=", "!=", ">=", "<=", "~"];
const PAUSE = 150;

/** What is being typed at the end of a filter: `{before, key, operator, value}`. */
export function typed(text) {
  const found = /^(.*?)([^\s()=!<>~]*)(!=|>=|<=|=|~|>|<)?("?[^\s()"]*)$/s.exec(text);
  return { before: found[1], key: found[2], operator: found[3] ?? "", value: found[4].replace(/^"/, "") };
}

/** A value as the grammar wants it. */
export const quoted = (value) => (/^[\w.:/-]+$/.test(value) ? value : `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`);

/** @param {HTMLInputElement} box @param {HTMLDataListElement} list */
export function suggest(box, list) {
  let timer = 0;
  let asked = 0;
  const get = async (path, params) => {
    const answer = await fetch(changed(new URL(below(path), location.href).href, params));
    return answer.ok ? answer.json() : {};
  };

  async function words() {
    const { before, key, operator, value } = typed(box.value);
    if (operator && key) {
      const { values = [] } = await get(`/api/v1/tags/${encodeURIComponent(key)}/values`, { q: value });
      return values.map((found) => `${before}${key}${operator}${quoted(found.value)}`);
    }
    const { keys = [] } = await get("/api/v1/tags", { q: key });
    return keys.flatMap((found) => (found.key === key ? OPERATORS.map((sign) => `${before}${key}${sign}`) : [`${before}${found.key}`]));
  }

  async function offer() {
    const mine = ++asked;
    const found = await words().catch(() => []);
    if (mine !== asked) return;
    list.replaceChildren(...found.slice(0, 30).map((value) => Object.assign(document.createElement("option"), { value })));
  }

  for (const name of ["input", "focus"]) {
    box.addEventListener(name, () => {
      clearTimeout(timer);
      timer = setTimeout(offer, PAUSE);
    });
  }
}
