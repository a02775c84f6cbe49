// The panel beside a view: an operation, a variable, a memory item, or the form for annotations.
// In: the parameters op, var, item, note. Out: one of them, or nothing and no panel.

import { ApiError } from "./api.js";
import { button, fill, h } from "./dom.js";
import { failure, waiting } from "./parts.js";
import { beside, go } from "./route.js";

const LOADERS = {
  op: () => import("./operation.js"), var: () => import("./variable.js"),
  item: () => import("./item.js"), note: () => import("./annotate.js"),
};

/** Close the panel; whether there was one. */
export function closePanel() {
  if (document.getElementById("panel").hidden) return false;
  go(beside({}));
  document.getElementById("view").focus({ preventScroll: true });
  return true;
}

/** The same operation of two runs, side by side. */
async function twins(module, { op, twin, run }) {
  const made = await Promise.all([module.show({ id: op }), module.show({ id: twin, run })]);
  return {
    element: h("div", { class: "twins" }, made.map((one) => one.element)),
    unmount: () => made.forEach((one) => one.unmount?.()),
  };
}

/** The panel; `update(params)` shows what they name. */
export function mountPanel(root, session) {
  let key = "";
  let turn = 0;
  let current = null;
  const close = button("×", closePanel, { class: "close quiet", "aria-label": "Close the panel", title: "Close (Esc)" });
  const body = h("div", { class: "panel-body" });
  fill(root, close, body);

  return {
    async update(params) {
      const sort = ["op", "var", "item", "note"].find((one) => params[one]);
      const next = sort ? JSON.stringify([sort, params[sort], params.of, params.run, params.twin]) : "";
      if (next === key) return;
      key = next;
      current?.unmount?.();
      current = null;
      root.hidden = !sort;
      root.classList.toggle("wide", Boolean(params.twin));
      document.getElementById("desk").classList.toggle("split", Boolean(sort));
      if (!sort) return;
      const mine = ++turn;
      const slow = setTimeout(() => fill(body, waiting("Reading")), 120);
      try {
        const module = await LOADERS[sort]();
        const made = await (params.twin && sort === "op" ? twins(module, params)
          : module.show({ id: params[sort], of: params.of, run: params.run, session }));
        if (mine !== turn) return made.unmount?.();
        current = made;
        fill(body, made.element);
        body.scrollTop = 0;
      } catch (error) {
        if (!(error instanceof ApiError)) console.error(error);
        if (mine === turn) {
          fill(body, failure(error, () => { key = ""; this.update(params); }));
        }
      } finally {
        clearTimeout(slow);
      }
      return undefined;
    },
  };
}
