// The versions of a memory item, each against the one before. In: an item. Out: texts and changes.

import { part, recall } from "./api.js";
import { fill, h } from "./dom.js";
import { failure, operationLink, said } from "./parts.js";
import { link, to } from "./route.js";
import { diffed } from "./values.js";
import { count } from "./words.js";

/** The panel of a memory item. */
export async function show({ id, of, run }) {
  const { versions } = await recall(`memory/items/${part(id)}`, { scope: of, run });
  const last = versions.at(-1);
  const element = h("article", { class: "sheet" },
    h("header", {},
      h("p", { class: "dim" }, "Memory item", run ? [" of ", said(run)] : null),
      h("h2", {}, said(id)),
      h("p", { class: "status" }, last?.deleted ? "deleted" : "alive at the end",
        h("span", { class: "dim" }, ` · ${count(versions.length, "version")}`))),
    h("ol", { class: "versions", reversed: "" }, versions.map((one, index) =>
      version(one, index, versions, run)).reverse()));
  return { element };
}

function version(one, index, versions, run) {
  const before = versions.slice(0, index).reverse().find((other) => !other.deleted);
  const text = h("div", { class: "value-place" });
  if (one.deleted) fill(text, h("p", { class: "gone" }, "✗ deleted here"));
  else if (before) compare(text, before, one, run);
  else fill(text, h("pre", { class: "value" }, one.text));
  return h("li", { class: "version" },
    h("p", {},
      h("strong", {}, one.deleted ? "end" : `version ${one.version}`), " ",
      one.operation ? operationLink(one.operation, one.name, { ...to({ op: one.operation, run }) }) : null, " ",
      h("a", { class: "quiet-link", ...to({ var: one.variable, run }) }, one.variable), " ",
      run ? null : h("a", { class: "quiet-link", href: link("memory", { seq: one.seq }) }, `memory at ${one.seq}`)),
    text);
}

async function compare(place, left, right, run) {
  fill(place, h("p", { class: "dim" }, "comparing …"));
  try {
    const { spans } = await recall("diff", { left: left.variable, right: right.variable, run });
    const isSame = spans.every(([sign]) => sign === "=");
    fill(place, isSame ? h("p", { class: "dim" }, "the same text as before") : null, diffed(spans));
  } catch (error) {
    fill(place, failure(error, () => compare(place, left, right, run)));
  }
}
