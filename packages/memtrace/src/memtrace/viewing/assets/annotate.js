// The form for one answer: what went wrong, at which operations. In: an answer. Out: a label kept.
// What others said stays hidden until one has said one's own, so that agreement means something.

import { get, part, post } from "./api.js";
import { button, fill, h } from "./dom.js";
import { failure, field, operationLink, said, select, tell } from "./parts.js";
import { isPicked, onPicks, pickFor, picks, set, toggle } from "./picks.js";
import { count } from "./words.js";

const VERDICTS = [
  ["memory error", "memory error: the system lost or bent what was needed"],
  ["annotation error", "annotation error: question, gold answer or evidence is at fault"],
  ["judge error", "judge error: the answer is fine, the judge refused it"],
  ["no failure", "no failure: right, and judged right"],
];
const TYPES = [
  ["extraction", "extraction: never reached a memory item"],
  ["update", "update: a later write removed or blurred it"],
  ["deletion", "deletion: the item was deleted"],
  ["retrieval", "retrieval: held, but not in the context"],
  ["response", "response: in the context, answered wrong"],
];
const USUAL = {
  message: "extraction", extraction: "extraction", segmentation: "extraction", chunking: "extraction", ingest: "extraction",
  update: "update", trim: "update", index: "update", deletion: "deletion",
  retrieval: "retrieval", rewrite: "retrieval", rerank: "retrieval", context: "retrieval", answer: "response",
};
let annotator = "";

/** The panel with the form. */
export async function show({ id, session }) {
  pickFor(id);
  const may = session.can?.annotate;
  const names = session.annotators ?? [];
  annotator = names.includes(annotator) ? annotator : names[0] ?? "";
  const [found, { question }] = await Promise.all([
    get("annotations", { answer: id }), get(`answers/${part(id)}`)]);
  const names_ = new Map();
  let all = found.rows;
  let verdict = "memory error";
  const reason = h("textarea", { rows: 4, "aria-label": "Reason", placeholder: "One or two sentences: what was lost, and how you see it" });
  const list = h("div");
  const told = h("div", { "aria-live": "polite" });
  const others = h("section");
  const operations = h("section", {}, h("h3", {}, "Operations to blame"),
    h("p", { class: "dim" }, "Click operations in the lineage (Enter picks the one in focus); click again to give one up. In the order of time."), list);
  const choice = select(VERDICTS, verdict, (value) => { verdict = value; draw(); }, { "aria-label": "Verdict" });
  const form = h("form", { on: { submit: save } },
    field("Annotator", select(names, annotator, (value) => { annotator = value; mine(); }, { "aria-label": "Annotator" })),
    field("Verdict", choice), operations, field("Reason", reason),
    h("p", { class: "bar tight" }, h("button", { type: "submit", class: "primary" }, "Save"), told));
  const element = h("article", { class: "sheet annotate" },
    h("header", {}, h("p", { class: "dim" }, "Annotation of ", h("span", { class: "id" }, id)), h("h2", {}, said(question.question))),
    may ? form : h("p", { class: "state" }, "Annotations are off. Start with ",
      h("code", {}, `memtrace-view ${session.path.split("/").pop()} 'annotate=[your-name]'`), "."),
    others);
  const stop = onPicks(draw);
  mine();

  /** The form as this annotator left it. */
  function mine() {
    const own = all.find((one) => one.annotator === annotator);
    if (own && !picks().length) {
      verdict = own.verdict;
      reason.value = own.reason ?? "";
      set(own.operations.map((operation, index) => ({ id: operation, name: names_.get(operation) ?? "", error_type: own.error_types[index] })));
    }
    choice.value = verdict;
    draw();
  }

  function draw() {
    const isMemory = verdict === "memory error";
    operations.hidden = !isMemory;
    fill(list, picks().length ? h("ol", { class: "picked-list" }, picks().map((one) => h("li", {},
      operationLink(one.id, one.name), " ",
      select(TYPES, typeOf(one), (value) => set(picks().map((other) => (other.id === one.id ? { ...other, error_type: value } : other))),
        { "aria-label": `Error type of ${one.id}` }),
      button("×", () => toggle(one), { class: "quiet", "aria-label": `Give up ${one.id}` }))))
      : h("p", {}, "None yet.", question.blamed?.operation && !isPicked(question.blamed.operation)
        ? h("span", { class: "dim" }, " (The form does not start with what the page blames: say what you see.)") : null));
    const own = all.some((one) => one.annotator === annotator);
    const theirs = all.filter((one) => one.annotator !== annotator);
    fill(others, theirs.length === 0 ? null : [h("h3", {}, "Others"),
      own || !may ? h("ul", { class: "changes" }, theirs.map(told_)) : h("p", { class: "dim" }, `${count(theirs.length, "annotation")} hidden until you have saved yours.`)]);
  }

  async function save(event) {
    event.preventDefault();
    const isMemory = verdict === "memory error";
    const chosen = isMemory ? [...picks()].sort((a, b) => a.id.length - b.id.length || a.id.localeCompare(b.id)) : [];
    try {
      await post("annotations", {
        answer: id, annotator, verdict, reason: reason.value,
        operations: chosen.map((one) => one.id), error_types: chosen.map(typeOf),
      });
      all = (await get("annotations", { answer: id })).rows;
      fill(told, h("span", { class: "good" }, "✓ saved"));
      tell("The annotation is saved.");
      draw();
    } catch (error) {
      fill(told, failure(error));
    }
  }

  return { element, unmount: stop };
}

function typeOf(one) {
  return one.error_type ?? USUAL[one.kind] ?? "extraction";
}

function told_(one) {
  return h("li", {}, h("strong", {}, said(one.annotator)), `: ${one.verdict} `,
    one.operations.map((id, index) => [operationLink(id), h("span", { class: "tag" }, one.error_types[index]), " "]),
    one.reason ? h("p", {}, said(one.reason)) : null);
}
