// What takes rows away or dims them: matches only, services of the legend, the critical path; and the link to it all.

import { copy, say } from "./copy.js";
import { changed } from "./url.js";
import { t } from "./words.js";

const press = (button, on) => button.setAttribute("aria-pressed", String(on));

/** @param {import("./waterfall_scene.js").Scene} scene @param {any} rows @param {{dialog: HTMLDialogElement}} parts */
export function filters(scene, rows, { dialog }) {
  const only = document.getElementById("only");
  const critical = document.getElementById("critical");
  const legend = document.getElementById("legend");

  function shown() {
    press(only, scene.only);
    press(critical, scene.critical);
    for (const button of legend.querySelectorAll("button")) press(button, scene.services.has(button.dataset.service));
  }

  const toggleCritical = () => scene.setCritical(!scene.critical);

  only.addEventListener("click", () => {
    scene.only = !scene.only;
    scene.layout();
  });
  critical.addEventListener("click", toggleCritical);
  legend.addEventListener("click", (event) => {
    const name = event.target.closest("button")?.dataset.service;
    if (name === undefined) return;
    if (!scene.services.delete(name)) scene.services.add(name);
    scene.layout();
  });
  document.getElementById("keys-open").addEventListener("click", () => dialog.showModal());
  scene.on("rows", shown);
  scene.on("bars", shown);
  return {
    critical: toggleCritical,
    async link() {
      const key = scene.m.columns.key[scene.nodeAt(rows.active())];
      await copy(changed(location.href, { span: key }));
      say(t("copied"));
    },
    help: () => dialog.showModal(),
  };
}
