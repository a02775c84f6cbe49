// All annotations: who said what, how far annotators agree, the export. In: the API. Out: tables.

import { get, post } from "./api.js";
import { button, fill, h } from "./dom.js";
import { empty, failure, said, tell } from "./parts.js";
import { link } from "./route.js";
import { count, percent } from "./words.js";

/** Show annotations. */
export async function mount(root, { session }) {
  const [found, agreement] = await Promise.all([get("annotations"), get("agreement")]);
  const { rows } = found;
  const body = h("div", { class: "scroll page" });
  fill(root, h("h1", { class: "sr" }, "Annotations"), body);
  if (!rows.length) {
    fill(body, empty("Nobody has annotated an answer yet.",
      session.can?.annotate
        ? h("span", {}, "Open a ", h("a", { href: link("questions", { verdict: "wrong" }) }, "wrong answer"), " and press a.")
        : h("span", {}, "Start with ", h("code", {}, `memtrace-view ${session.path.split("/").pop()} 'annotate=[ana,bo]'`), ".")));
    return {};
  }
  const answers = new Map();
  for (const row of rows) answers.set(row.answer, [...(answers.get(row.answer) ?? []), row]);
  const told = h("div", { "aria-live": "polite" });
  fill(body,
    h("section", { class: "card" }, h("h2", {}, "Agreement"),
      h("p", {}, `${count(agreement.annotated ?? answers.size, "answer")} annotated; more than half agree on ${agreement.labelled ?? "–"}.`),
      pairs(agreement.pairs ?? []),
      h("p", { class: "bar tight" }, session.can?.annotate ? button("Export as MemTraceBench", exported, { class: "primary" }) : null, told)),
    h("section", { class: "card" }, h("h2", {}, "Answers"),
      h("ul", { class: "changes" }, [...answers].map(([answer, those]) => h("li", {},
        h("a", { href: link("answer", { answer, note: answer }), data: { item: "" } }, said(those[0].question || answer)),
        (agreement.open ?? []).includes(answer) ? h("span", { class: "tag bad" }, "≠ no majority") : h("span", { class: "tag" }, "= agreed"), " ",
        those.map((one) => h("p", { class: "dim" }, h("strong", {}, said(one.annotator)), `: ${one.verdict}`,
          one.operations.length ? ` at ${one.operations.join(", ")} (${one.error_types.join(", ")})` : "",
          one.reason ? [" – ", said(one.reason)] : null)))))));

  async function exported() {
    try {
      const { path } = await post("annotations/export", {});
      fill(told, h("span", { class: "good" }, "✓ written to "), h("code", {}, path));
      tell("Exported.");
    } catch (error) {
      fill(told, failure(error));
    }
  }
  return {};
}

function pairs(list) {
  if (!list.length) return h("p", { class: "dim" }, "Agreement is told when two annotators share an answer.");
  const kappa = (value) => (value === null || value === undefined ? "–" : value.toFixed(2));
  return h("table", {},
    h("thead", {}, h("tr", {}, ["annotators", "answers", "same operations", "κ", "same error type", "κ"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, list.map((one) => h("tr", {},
      h("th", { scope: "row" }, said(one.left), " and ", said(one.right)), h("td", {}, one.cases),
      h("td", {}, percent(one.operation)), h("td", {}, kappa(one.operation_kappa)),
      h("td", {}, percent(one.error_type)), h("td", {}, kappa(one.error_type_kappa))))));
}
