// Boxes dragged by hand, and the drawing pushed about: remembered per view of the map.

/** @param {string} storeKey @param {() => SVGSVGElement|null} svg @param {() => HTMLElement|null} view @param {() => number} scale @param {() => void} onMove */
export function moving(storeKey, svg, view, scale, onMove) {
  const moved = JSON.parse(localStorage.getItem(storeKey) ?? "{}");
  const movedBy = (name) => moved[name] ?? { x: 0, y: 0 };

  function apply() {
    const map = svg();
    if (!map) return;
    for (const node of map.querySelectorAll(".node")) {
      const by = moved[node.dataset.name];
      if (by) node.setAttribute("transform", `translate(${by.x} ${by.y})`);
    }
    for (const edge of map.querySelectorAll(".edge")) bend(edge);
    const reset = document.getElementById("map-reset");
    if (reset) reset.hidden = Object.keys(moved).length === 0;
  }

  /** An edge of a moved box is drawn as one curve between where its ends stand now. */
  function bend(edge) {
    const [from, to] = [moved[edge.dataset.caller], moved[edge.dataset.callee]];
    if (!from && !to) return;
    const line = edge.querySelector(".line");
    edge.dataset.path ??= line.getAttribute("d");
    const numbers = edge.dataset.path.match(/-?[\d.]+/g).map(Number);
    const [x0, y0] = [numbers[0] + (from?.x ?? 0), numbers[1] + (from?.y ?? 0)];
    const [x1, y1] = [numbers.at(-2) + (to?.x ?? 0), numbers.at(-1) + (to?.y ?? 0)];
    const middle = (x0 + x1) / 2;
    const path = `M${x0} ${y0}C${middle} ${y0} ${middle} ${y1} ${x1} ${y1}`;
    for (const part of edge.querySelectorAll("path")) part.setAttribute("d", path);
    const label = svg().querySelector(`[data-key="${CSS.escape(`l-${edge.dataset.caller}→${edge.dataset.callee}`)}"]`);
    label?.setAttribute("transform", `translate(${middle - Number(label.getAttribute("x"))} ${(y0 + y1) / 2 - Number(label.getAttribute("y"))})`);
  }

  let held = null;
  let pan = null;

  document.addEventListener("pointerdown", (event) => {
    const area = event.target.closest?.("#map-view");
    if (!area || event.button !== 0) return;
    const node = event.target.closest(".node");
    const at = { x: event.clientX, y: event.clientY };
    if (node) held = { name: node.dataset.name, at, start: movedBy(node.dataset.name), far: false };
    else if (!event.target.closest(".edge")) pan = { at, left: area.scrollLeft, top: area.scrollTop };
    area.classList.toggle("panning", Boolean(pan));
  });
  document.addEventListener("pointermove", (event) => {
    if (pan) {
      view().scrollLeft = pan.left - (event.clientX - pan.at.x);
      view().scrollTop = pan.top - (event.clientY - pan.at.y);
    }
    if (!held) return;
    const by = { x: event.clientX - held.at.x, y: event.clientY - held.at.y };
    if (!held.far && Math.hypot(by.x, by.y) < 5) return;
    held.far = true;
    moved[held.name] = { x: Math.round(held.start.x + by.x / scale()), y: Math.round(held.start.y + by.y / scale()) };
    apply();
  });
  document.addEventListener("pointerup", () => {
    view()?.classList.remove("panning");
    pan = null;
    if (held?.far) {
      localStorage.setItem(storeKey, JSON.stringify(moved));
      document.addEventListener("click", (event) => event.preventDefault(), { capture: true, once: true });
      onMove();
    }
    held = null;
  });
  document.addEventListener("dragstart", (event) => event.target.closest?.("#map-view") && event.preventDefault());
  document.getElementById("map-reset")?.addEventListener("click", () => {
    localStorage.removeItem(storeKey);
    location.reload();
  });
  return { apply, movedBy };
}
