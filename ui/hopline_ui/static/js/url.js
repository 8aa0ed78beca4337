// The address is the page's state.

/** `href` with some parameters changed; null, undefined and "" take one out. */
export function changed(href, changes) {
  const url = new URL(href);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") url.searchParams.delete(key);
    else url.searchParams.set(key, String(value));
  }
  return url.href;
}

/** Write state into the address without a new entry in the history. */
export function remember(changes) {
  history.replaceState(null, "", changed(location.href, changes));
}

/** A parameter of the address, or "". */
export function param(name) {
  return new URL(location.href).searchParams.get(name) ?? "";
}

/** Address below the base path that the page is served under. */
export function below(path) {
  return (document.documentElement.dataset.base ?? "") + path;
}
