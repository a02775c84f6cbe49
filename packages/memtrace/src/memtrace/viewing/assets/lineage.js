// The lineage of an answer: fold, unfold, zoom, scroll. In: an answer of the API. Out: a figure.

import { button, fill, h } from "./dom.js";
import { drawn, heads } from "./drawing.js";
import { foldable, folded } from "./folding.js";
import { laidOut } from "./layout.js";
import { isPicked, onPicks, toggle } from "./picks.js";
import { parse } from "./route.js";
import { settled } from "./parts.js";
import { count } from "./words.js";

const LEAST_FIT = 0.8;
const ZOOMS = [0.5, 0.65, 0.8, 1, 1.25, 1.5, 2];

/** The figure with its controls. */
export function lineage(found) {
  const nodes = [...found.nodes].sort((a, b) => a.seq - b.seq);
  const able = foldable(nodes);
  const opened = new Set();
  let zoom = 1;
  let width = 0;
  let scale = 1;
  const scroll = h("div", { class: "scroll lineage-scroll", tabindex: "-1" });
  const told = h("span", { class: "dim" });
  const all = button("Unfold all", () => {
    if (opened.size) opened.clear();
    else able.forEach((id) => opened.add(id));
    draw();
  }, { class: "quiet" });
  const step = (by) => {
    zoom = ZOOMS[Math.min(ZOOMS.length - 1, Math.max(0, ZOOMS.indexOf(zoom) + by))];
    draw();
  };
  const controls = h("div", { class: "bar tight" },
    h("h2", {}, "Lineage"), told, h("span", { class: "space" }),
    able.length ? all : null,
    button("−", () => step(-1), { class: "quiet", "aria-label": "Smaller", title: "Smaller (-)" }),
    button("+", () => step(1), { class: "quiet", "aria-label": "Larger", title: "Larger (+)" }));
  const watcher = new ResizeObserver(settled(() => {
    if (Math.abs(scroll.clientWidth - width) > 24) draw();
  }, 60));
  watcher.observe(scroll);
  const stop = onPicks(() => draw());

  function click(box, event) {
    const plain = !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
    if (!plain) return;
    if (box.row?.isFolded) {
      event.preventDefault();
      opened.add(box.row.id);
      draw();
      focus(box.row.id);
    } else if (box.row && parse(location.hash).params.note) {
      event.preventDefault();
      toggle({ id: box.row.nodes[0].id, name: box.row.nodes[0].name, kind: box.row.nodes[0].kind });
      focus(box.row.id);
    }
  }

  function draw() {
    width = scroll.clientWidth || 900;
    const focused = document.activeElement?.dataset?.node;
    const rows = folded(nodes, opened);
    const plan = laidOut({ rows, facts: found.facts, lanes: found.lanes, width: width - 4 });
    scale = zoom * Math.min(1, Math.max(LEAST_FIT, (width - 4) / plan.width));
    const { params } = parse(location.hash);
    const picture = drawn(plan, { variables: found.variables, selected: params, zoom: scale, click, isPicked });
    const { scrollTop, scrollLeft } = scroll;
    fill(scroll, heads(plan, scale), picture);
    scroll.scrollTop = scrollTop;
    scroll.scrollLeft = scrollLeft;
    const total = nodes.reduce((sum, node) => sum + (node.times ?? 1), 0);
    const out = found.left_out ? `, ${count(found.left_out, "more")} not shown`.replace("mores", "more") : "";
    fill(told, `${count(total, "operation")} in ${count(rows.length, "row")}${out}`);
    fill(all, opened.size ? "Fold" : "Unfold all");
    if (focused && scroll.querySelector(`[data-node="${CSS.escape(focused)}"]`)) focus(focused);
  }

  function focus(id) {
    scroll.querySelector(`[data-node="${CSS.escape(id)}"]`)?.focus({ preventScroll: true });
  }

  function boxes() {
    return [...scroll.querySelectorAll("a[data-node]")];
  }

  return {
    element: h("section", { class: "lineage-part", "aria-label": "Lineage" }, controls, scroll),
    draw,
    zoom: step,
    /** Bring an operation into sight, unfolding what hides it. */
    reveal(id, { take = true } = {}) {
      const hidden = folded(nodes, opened).find((row) => row.isFolded && row.nodes.some((node) => node.id === id));
      if (hidden) {
        opened.add(hidden.id);
        draw();
      }
      const box = scroll.querySelector(`[data-node="${CSS.escape(id)}"]`);
      box?.scrollIntoView({ block: "center", inline: "nearest" });
      if (take) box?.focus({ preventScroll: true });
    },
    step(delta) {
      const those = boxes();
      const at = those.indexOf(document.activeElement);
      const next = those[at < 0 ? (delta > 0 ? 0 : those.length - 1) : Math.min(those.length - 1, Math.max(0, at + delta))];
      next?.focus();
      next?.scrollIntoView({ block: "nearest", inline: "nearest" });
    },
    unmount() { watcher.disconnect(); stop(); },
  };
}
