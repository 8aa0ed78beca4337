// The window of time that the bars show: by keys, and by the wheel with Ctrl.

import { pan, zoom } from "./waterfall_model.js";

/** @param {import("./waterfall_scene.js").Scene} scene @param {HTMLElement} grid @param {HTMLElement} ruler */
export function zooming(scene, grid, ruler) {
  const whole = scene.m.whole;
  const setWindow = (window) => scene.setWindow(window);
  const middle = () => (scene.window[0] + scene.window[1]) / 2;
  grid.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      const box = ruler.getBoundingClientRect();
      const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
      const [from, to] = scene.window;
      setWindow(zoom(scene.window, event.deltaY < 0 ? 0.8 : 1.25, from + share * (to - from), whole));
    },
    { passive: false },
  );
  const reset = document.getElementById("zoom-reset");
  reset.addEventListener("click", () => setWindow([0, whole]));
  const shown = () => (reset.hidden = scene.window[0] <= 0 && scene.window[1] >= whole);
  scene.on("window", shown);
  shown();
  return {
    setWindow,
    zoom: (factor) => setWindow(factor ? zoom(scene.window, factor, middle(), whole) : [0, whole]),
    pan: (share) => setWindow(pan(scene.window, share, whole)),
  };
}
