// One answer: what was asked, what came, who is blamed, and the lineage. In: `#answer=var-93`.

import { get, part } from "./api.js";
import { button, fill, h } from "./dom.js";
import { lineage } from "./lineage.js";
import { factMark, operationLink, said, tell, verdict, waiting } from "./parts.js";
import { beside, go, link, to } from "./route.js";
import { count, letter, percent, short } from "./words.js";

const POLL_MS = 900;

/** Show an answer. */
export async function mount(root, { session, params }) {
  const answer = params.answer;
  let drawing = null;
  let timer = null;
  let alive = true;
  let shown = null;
  let revealed = null;
  fill(root, waiting("Following the facts"));
  const head = h("section", { class: "card question-card", "aria-label": "Question" });
  const facts = h("section", { class: "facts", "aria-label": "Critical facts" });
  const place = h("div", { class: "lineage-place" });
  await load();
  fill(root, head, facts, place);
  drawing.draw();

  async function load() {
    const found = await get(`answers/${part(answer)}`);
    if (!alive) return;
    fill(head, headOf(found, session));
    const signature = JSON.stringify([found.facts, found.nodes.length, found.attribution?.verdict]);
    if (signature !== shown) {
      shown = signature;
      drawing?.unmount();
      drawing = lineage(found);
      fill(place, drawing.element);
      fill(facts, factsOf(found, (id) => drawing.reveal(id)));
      if (place.isConnected) drawing.draw();
    }
    if (found.question.attributed === "pending") {
      timer = setTimeout(() => load().catch((error) => tell(error.message)), POLL_MS);
    }
  }

  return {
    update(next) {
      drawing?.draw();
      if (next.op && next.op !== revealed && !document.activeElement?.dataset?.node) {
        drawing?.reveal(next.op, { take: false });
      }
      revealed = next.op;
    },
    step: (delta) => drawing?.step(delta),
    zoom: (by) => drawing?.zoom(by),
    answer,
    unmount() {
      alive = false;
      clearTimeout(timer);
      drawing?.unmount();
    },
  };
}

function headOf(found, session) {
  const { question: row, attribution } = found;
  const at = row.blamed?.operation;
  return [
    h("div", { class: "head-line" },
      h("a", { href: link("questions"), class: "dim" }, "← Questions"),
      h("span", { class: "dim" }, said(row.scope ?? ""), row.category ? [" · ", said(row.category)] : null,
        row.question_id ? [" · ", said(row.question_id)] : null),
      h("span", { class: "space" }),
      h("a", { class: "button", href: link("whatif", { answer: row.answer, at, scope: row.scope }),
        "aria-keyshortcuts": "w" }, "What if …"),
      button("Annotate", () => go(beside({ note: row.answer })), { "aria-keyshortcuts": "a" })),
    h("h1", {}, said(row.question)),
    h("div", { class: "answers" },
      h("div", {}, h("span", { class: "label" }, "answered"),
        said(row.prediction ?? "nothing", { class: "prediction" }), verdict(row.verdict)),
      row.gold === null || row.gold === undefined ? null
        : h("div", {}, h("span", { class: "label" }, "expected"), said(row.gold, { class: "gold" }))),
    row.attributed === "pending" ? waiting("Looking for the operation that lost it") : reasonOf(row, attribution),
  ];
}

function reasonOf(row, attribution) {
  if (!attribution) return row.reason ? h("p", { class: "reason" }, said(row.reason)) : null;
  const suspects = attribution.suspects ?? [];
  const proof = attribution.decisive;
  return h("div", { class: `reason-card ${row.blamed ? "blames" : ""}` },
    h("p", { class: "reason" },
      row.blamed?.operation ? [operationLink(row.blamed.operation, row.blamed.name), " "] : null,
      row.blamed?.error_type ? h("span", { class: "tag" }, row.blamed.error_type) : h("span", { class: "tag" }, attribution.verdict),
      proof ? h("span", { class: "tag proved" }, "✓ proved by replay") : null,
      " ", said(attribution.reason ?? row.reason ?? ""),
      h("span", { class: "dim" }, ` confidence ${percent(attribution.confidence)}`)),
    suspects.length + (attribution.log?.length ?? 0) === 0 ? null
      : h("details", {}, h("summary", {}, `Evidence: ${count(suspects.length, "suspect")}, ${count(attribution.log?.length ?? 0, "finding")}`),
        h("ol", { class: "suspects" }, suspects.map((one) => h("li", {},
          one.operation ? operationLink(one.operation, one.name) : said(one.name ?? "no operation"), " ",
          h("span", { class: "tag" }, one.error_type), " ", said(one.evidence ?? "")))),
        proof ? proofOf(proof) : null,
        h("ul", { class: "log" }, (attribution.log ?? []).map((line) => h("li", {}, said(line))))));
}

function proofOf(proof) {
  const share = (rate) => (rate ? `${rate.hits} of ${rate.trials}` : "–");
  return h("div", {},
    h("p", {}, `With all its repairs the answer was right in ${share(proof.sufficiency)} replays.`),
    h("ul", { class: "log" }, (proof.trials ?? []).map((trial) => h("li", {},
      `${(trial.operations ?? []).join(", ") || "no repair"}: right in ${share(trial.flips)}`,
      (trial.repairs ?? []).map((repair) => [" · ", said(short(repair, 160))])))));
}

function factsOf(found, reveal) {
  if (!found.facts.length) {
    return h("p", { class: "dim" }, "No critical fact is known for this answer: there is no gold answer with evidence to follow.");
  }
  return [
    h("h2", { class: "sr" }, "Critical facts"),
    h("ul", {}, found.facts.map((fact) => h("li", { class: "fact" },
      factMark(fact.index), " ", said(short(asWords(fact.value), 90), { class: "fact-value" }),
      h("span", { class: "dim" }, ` ${fact.fate ?? ""}`),
      fact.said?.[0] ? h("a", { class: "quiet-link", ...to({ var: fact.said[0].variable }) },
        "said in ", said(fact.said[0].name ?? fact.said[0].variable)) : null,
      fact.death ? button(["✗ dies at ", fact.death], () => reveal(fact.death), {
        class: "quiet death-button", title: `Show where ${letter(fact.index)} dies` }) : null))),
  ];
}

function asWords(value) {
  return typeof value === "string" ? value : Array.isArray(value) ? value.join(", ") : JSON.stringify(value);
}
