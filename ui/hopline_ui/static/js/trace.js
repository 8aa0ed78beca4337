// The trace page: the parts of the waterfall, wired together.

import { hoverCard } from "./hover_card.js";
import { minimap } from "./minimap.js";
import { panel } from "./panel.js";
import { below, changed, param } from "./url.js";
import { cursor, ruler, splitter } from "./ruler.js";
import { model } from "./waterfall_model.js";
import { preview } from "./waterfall_preview.js";
import { find, gathered } from "./waterfall_find.js";
import { folding } from "./waterfall_folding.js";
import { wireKeys } from "./waterfall_keys.js";
import { filters } from "./waterfall_filters.js";
import { strip } from "./strip.js";
import { Scene } from "./waterfall_scene.js";
import { view } from "./waterfall_view.js";
import { zooming } from "./waterfall_zoom.js";
import { usual } from "./usual.js";
import { t } from "./words.js";

const element = (id) => document.getElementById(id);
const data = (id) => JSON.parse(element(id).textContent);

/** The whole timeline, and a promise of the server being ready for searches: it stands in the page, or its first rows do. */
async function load() {
  const first = data("timeline");
  if (first.columns.key.length >= first.window.total) return [first, Promise.resolve()];
  preview(element("grid"), element("rows"), new Scene(model(first), data("palette"), first));
  const params = { shape: "timeline", adjust: first.adjusted, root: param("root") };
  const answer = await fetch(changed(new URL(below(`/api/v1/traces/${first.trace_id}`), location.href).href, params));
  if (!answer.ok) throw new Error(String(answer.status));
  const ready = gathered(first.trace_id, first.adjusted);
  return [await answer.json(), ready];
}

function start([timeline, ready]) {
  const scene = new Scene(model(timeline), data("palette"), timeline);
  const grid = element("grid");
  const rows = view(grid, element("rows"), scene);
  const zoom = zooming(scene, grid, element("ruler"));
  const side = panel(timeline.trace_id, { onClose: rows.unselect, onSpan: (key) => actions.openKey(key) });
  const folds = folding(scene, rows);
  const actions = { ...zoom, ...folds, ...rows.moves(folds, side), ...find(scene, rows, timeline.trace_id, ready), ...filters(scene, rows, { dialog: element("keys") }) };
  ruler(element("ruler"), scene, zoom.setWindow);
  cursor(grid, element("ruler"), scene);
  minimap(element("mini"), scene, zoom.setWindow);
  strip(element("strip"), element("legend"), scene);
  hoverCard(grid, scene, timeline.trace_id);
  splitter(element("split"), element("wf"));
  wireKeys(grid, actions);
  actions.begin();
  element("more")?.remove();
  rows.showSelected(side);
  grid.dataset.ready = "1";
  ready.then(actions.still).then(() => usual(element("usual"), element("strip"), { scene, timeline, open: actions.openKey }));
}

load()
  .then(start)
  .catch((error) => {
    const line = element("more") ?? element("rows");
    line.textContent = t("failed");
    throw error;
  });
