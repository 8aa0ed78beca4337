// The page's words: those catalogue entries whose key begins with "js.".

const element = globalThis.document?.getElementById("words");
const words = element ? JSON.parse(element.textContent) : {};

/**
 * The text of `key` with its `{name}` placeholders filled; for an `n` of 1 the form `key.one` where there is one.
 * @param {string} key @param {Object<string, any>} [values]
 */
export function t(key, values = {}) {
  const one = String(values.n) === "1" ? words[`${key}.one`] : undefined;
  return (one ?? words[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
