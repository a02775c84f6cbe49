// All of one variable. In: its id. Out: its text by pages, who made it, who read it, its versions.

import { h } from "./dom.js";
import { operationLink, said } from "./parts.js";
import { to } from "./route.js";
import { pairs, valueOf } from "./values.js";
import { count } from "./words.js";

/** The panel of a variable. */
export async function show({ id, run }) {
  const value = await valueOf(id, { run });
  const found = value.variable;
  const maker = (one) => {
    const [operation, name] = typeof one === "string" ? [one, null] : [one.id ?? one.operation, one.name];
    return operationLink(operation, name, { ...to({ op: operation, run }) });
  };
  const readers = found.consumers ?? [];
  const element = h("article", { class: `sheet ${run ? "other-run" : ""}` },
    h("header", {},
      h("p", { class: "dim" }, "Variable ", h("span", { class: "id" }, found.id), run ? [" of ", said(run)] : null, " · ", said(found.kind)),
      h("h2", {}, said(found.name ?? (found.item ? found.item : found.kind))),
      found.item ? h("p", {},
        h("a", { class: "button", ...to({ item: found.item, of: found.scope, run }) }, "All versions of ", said(found.item)),
        found.version ? h("span", { class: "dim" }, ` this is version ${found.version}`) : null) : null),
    h("section", {}, h("h3", {}, "Value"), value.element),
    h("section", {}, h("h3", {}, "Made by"),
      found.producer ? h("p", {}, maker(found.producer)) : h("p", { class: "dim" }, "nobody: it came from outside")),
    h("section", {}, h("h3", {}, "Read by"),
      readers.length ? h("ul", { class: "values" }, readers.slice(0, 50).map((one) => h("li", {}, maker(one))))
        : h("p", { class: "dim" }, "nobody"),
      readers.length > 50 ? h("p", { class: "dim" }, `and ${count(readers.length - 50, "more", "more")}`) : null),
    Object.keys(found.metadata ?? {}).length
      ? h("section", {}, h("details", {}, h("summary", {}, "Metadata"), pairs(found.metadata))) : null);
  return { element };
}
