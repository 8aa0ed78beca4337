// Keys of the trace page. Arrows work on the rows; letters work anywhere but in a field.

const ON_ROWS = {
  ArrowDown: (a) => a.move(1),
  ArrowUp: (a) => a.move(-1),
  PageDown: (a) => a.page(1),
  PageUp: (a) => a.page(-1),
  Home: (a) => a.first(),
  End: (a) => a.last(),
  ArrowLeft: (a) => a.left(),
  ArrowRight: (a) => a.right(),
  Enter: (a) => a.open(),
};

const ANYWHERE = {
  Escape: (a) => a.close(),
  "[": (a) => a.collapseAll(),
  "]": (a) => a.expandAll(),
  o: (a) => a.level(-1),
  p: (a) => a.level(1),
  "+": (a) => a.zoom(0.5),
  "=": (a) => a.zoom(0.5),
  "-": (a) => a.zoom(2),
  0: (a) => a.zoom(0),
  w: (a) => a.zoom(0.5),
  s: (a) => a.zoom(2),
  ",": (a) => a.pan(-0.25),
  ".": (a) => a.pan(0.25),
  a: (a) => a.pan(-0.25),
  d: (a) => a.pan(0.25),
  "/": (a) => a.find(),
  n: (a) => a.match(1),
  N: (a) => a.match(-1),
  e: (a) => a.error(1),
  E: (a) => a.error(-1),
  c: (a) => a.critical(),
  l: (a) => a.link(),
  "?": (a) => a.help(),
};

/** Whether a key belongs to what the person is typing in, or to the browser. */
export function ignored(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return true;
  return Boolean(event.target.closest?.("input, select, textarea, dialog"));
}

/** @param {HTMLElement} grid @param {Object<string, (by?: number) => void>} actions */
export function wireKeys(grid, actions) {
  document.addEventListener("keydown", (event) => {
    if (ignored(event)) return;
    const onRow = event.target.closest?.(".wf-row") && grid.contains(event.target);
    const action = (onRow && ON_ROWS[event.key]) || ANYWHERE[event.key];
    if (!action) return;
    event.preventDefault();
    action(actions);
  });
}
