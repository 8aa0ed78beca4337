// How large the map is drawn, and which names can be read at that size: none under 9 px, none over another.

/** From here on figures on edges are large enough, too; below MID the names stand over the boxes, without figures. */
const NEAR = 0.82;
const MID = 0.72;
/** A first view smaller than this could not be read: it scrolls instead. */
const READABLE = 0.55;
const FONT = 10.5;
/** Figures inside the boxes: as drawn, and no smaller than this on the screen. */
const FACT = 11;
const LEAST = 9.2;
const GAP = 2;

/** Of `wanted` boxes `{x, y, width, height}`, most important first, those that cover none taken before. */
export function apart(wanted) {
  const taken = [];
  for (const box of wanted) {
    const free = taken.every((other) => box.x + box.width + GAP <= other.x || other.x + other.width + GAP <= box.x || box.y + box.height + GAP <= other.y || other.y + other.height + GAP <= box.y);
    if (free) taken.push(box);
  }
  return taken;
}

const context = globalThis.document?.createElement("canvas").getContext("2d");
const widths = new Map();

function widthOf(text) {
  if (!widths.has(text)) {
    context.font = `600 ${FONT}px system-ui, sans-serif`;
    widths.set(text, context.measureText(text).width * 1.04);
  }
  return widths.get(text);
}

/** @param {() => SVGSVGElement|null} svg @param {() => HTMLElement} view @param {(name: string) => {x: number, y: number}} movedBy */
export function scaling(svg, view, movedBy) {
  let scale = 0;

  /** How many times smaller or larger than drawn; 0 lets it fit. */
  function set(value) {
    const map = svg();
    if (!map) return;
    const { width, height } = map.dataset;
    const fits = Math.min(1, (view().clientWidth - 4) / Number(width));
    scale = value ? Math.min(Math.max(value, 0.1), 3) : fits;
    map.setAttribute("width", String(Math.round(Number(width) * scale)));
    map.setAttribute("height", String(Math.round(Number(height) * scale)));
    map.classList.toggle("far", scale < MID);
    map.classList.toggle("mid", scale >= MID && scale < NEAR);
    map.style.setProperty("--far", `${FONT / scale}px`);
    map.style.setProperty("--fact", `${Math.max(FACT, LEAST / scale)}px`);
    label();
  }

  /** Names over small boxes and figures on edges: the important ones first, as many as have room. */
  function label() {
    const map = svg();
    const nodes = [...map.querySelectorAll(".node")].sort((a, b) => a.dataset.weight - b.dataset.weight);
    const boxes = scale < MID ? nodes.map(nameBox) : [];
    const told = new Set(apart(boxes).map((box) => box.node));
    for (const node of nodes) node.classList.toggle("told", told.has(node));
    if (scale < NEAR) return;
    const labels = [...map.querySelectorAll(".edge-label")];
    const shown = new Set(apart(labels.map(edgeBox)).map((box) => box.label));
    for (const text of labels) text.classList.toggle("covered", !shown.has(text));
  }

  function nameBox(node) {
    const by = movedBy(node.dataset.name);
    const card = node.querySelector(".card");
    const [x, y] = [Number(node.dataset.x) + by.x + card.width.baseVal.value / 2, Number(node.dataset.y) + by.y + card.height.baseVal.value / 2];
    const width = widthOf(node.querySelector(".far-name").textContent);
    return { node, x: x * scale - width / 2, y: y * scale - FONT * 0.7, width, height: FONT * 1.4 };
  }

  function edgeBox(label) {
    const width = widthOf(label.textContent) * scale * (11 / FONT);
    return { label, x: Number(label.getAttribute("x")) * scale - width / 2, y: (Number(label.getAttribute("y")) - 11) * scale, width, height: 14 * scale };
  }

  /** The first view: everything, or a readable size with the worst node in sight. */
  function begin() {
    set(0);
    if (scale < READABLE) set(READABLE);
    const map = svg();
    const first = map?.querySelector(".node.focus, .node.chosen") ?? map?.querySelector('.node[data-weight="0"]');
    if (first) centre(first);
  }

  function centre(node) {
    const area = view();
    const box = node.querySelector(".card").getBoundingClientRect();
    const frame = area.getBoundingClientRect();
    area.scrollLeft += box.x + box.width / 2 - frame.x - frame.width / 2;
    area.scrollTop += box.y + box.height / 2 - frame.y - frame.height / 2;
  }

  return { set, begin, centre, label, redo: () => set(scale), by: (factor) => set(scale * factor), value: () => scale };
}
