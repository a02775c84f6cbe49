// All of one operation. In: its id. Out: error, prompt as sent, template, inputs, outputs, figures.

import { part, recall } from "./api.js";
import { button, h } from "./dom.js";
import { isPicked, onPicks, toggle } from "./picks.js";
import { operationLink, said, variableLink } from "./parts.js";
import { link, parse, to } from "./route.js";
import { pairs, template } from "./values.js";
import { count, duration, money } from "./words.js";

const MANY = 12;

/** The panel of an operation. */
export async function show({ id, run }) {
  const found = await recall(`operations/${part(id)}`, { run });
  const pick = pickButton(found);
  const element = h("article", { class: "sheet" },
    h("header", {},
      h("p", { class: "dim" }, "Operation ", h("span", { class: "id" }, found.id),
        run ? [" of ", said(run)] : null, " · ", said(found.kind)),
      h("h2", {}, said(found.name)),
      h("p", { class: "status" }, status(found), figures(found)),
      h("div", { class: "bar tight" },
        run || !found.points.length ? null : h("a", { class: "button", href: whatIf(found) }, "What if …"),
        run ? null : h("a", { class: "button quiet", href: link("memory", { seq: found.end_seq ?? found.seq, scope: scopeOf(found), op: id }) },
          "Memory then"),
        run ? null : h("a", { class: "button quiet", href: link("timeline", { after: Math.max(0, found.seq - 1), op: id }) }, "In the timeline"),
        pick.element)),
    found.error ? h("section", { class: "error-box" }, h("h3", {}, "Error"),
      h("pre", { class: "value" }, typeof found.error === "string" ? found.error : `${found.error.type}: ${found.error.message}`)) : null,
    promptOf(found.prompt, run),
    found.template ? templatePart(found.template) : null,
    edges("Inputs", found.inputs, run),
    edges("Outputs", found.outputs, run),
    part_("Parameters", pairs(found.parameters)),
    part_("Usage", usage(found)),
    children(found, run),
    part_("Metadata", pairs(found.metadata), true));
  if (run) element.classList.add("other-run");
  return { element, unmount: pick.stop };
}

function promptOf(prompt, run) {
  if (!prompt) return null;
  return h("section", {}, h("h3", {}, "Prompt, as it was sent ",
    h("a", { class: "id", ...to({ var: prompt.variable, run }) }, prompt.variable)),
  h("pre", { class: "value", tabindex: "0", "aria-label": "Prompt" }, prompt.text));
}

function scopeOf(found) {
  return found.place?.scope ?? null;
}

function status(found) {
  const sign = { ok: "✓", error: "✗", running: "…" }[found.status] ?? "";
  return h("span", { class: `state-${found.status}` }, `${sign} ${found.status}`);
}

function figures(found) {
  const ms = found.ms ?? found.times?.ms ?? found.times?.latency_ms;
  return h("span", { class: "dim" }, ` · ${duration(ms)}`, found.model ? [" · ", said(found.model)] : null,
    ` · seq ${found.seq}`);
}

function whatIf(found) {
  const { params } = parse(location.hash);
  return link("whatif", { answer: params.answer, at: found.id, scope: scopeOf(found) });
}

/** While an annotation is being written, an operation can be blamed from here too. */
function pickButton(found) {
  if (!parse(location.hash).params.answer) return { element: null, stop: () => {} };
  const label = () => (isPicked(found.id) ? "☑ Blamed by you" : "☐ Blame this");
  const element = button(label(), () => toggle({ id: found.id, name: found.name, kind: found.kind }),
    { class: "quiet", "aria-pressed": String(isPicked(found.id)) });
  const stop = onPicks(() => {
    element.textContent = label();
    element.setAttribute("aria-pressed", String(isPicked(found.id)));
  });
  return { element, stop };
}

function templatePart(found) {
  const names = found.placeholders ?? [];
  return h("section", {},
    h("h3", {}, "Template ", said(found.name ?? "", { class: "dim" })),
    h("details", {}, h("summary", {}, names.length ? `holds ${names.map((one) => `{${one}}`).join(", ")}` : "no placeholder"),
      template(found.text ?? "")));
}

function edges(title, roles, run) {
  const entries = Object.entries(roles ?? {});
  const total = entries.reduce((sum, [, those]) => sum + those.length, 0);
  if (!total) return h("section", {}, h("h3", {}, title), h("p", { class: "dim" }, "none"));
  return h("section", {}, h("h3", {}, title),
    entries.map(([role, those]) => h("div", { class: "role" },
      h("h4", {}, said(role), those.length > 1 ? h("span", { class: "dim" }, ` ${those.length}`) : null),
      listed(those, run))));
}

function listed(those, run) {
  const line = (one) => {
    const [id, summary] = typeof one === "string" ? [one, null] : [one.id ?? one.variable, one];
    return h("li", {}, variableLink(id, summary, { ...to({ var: id, run }) }));
  };
  const first = h("ul", { class: "values" }, those.slice(0, MANY).map(line));
  if (those.length <= MANY) return first;
  return [first, h("details", {}, h("summary", {}, `${those.length - MANY} more`),
    h("ul", { class: "values" }, those.slice(MANY).map(line)))];
}

function usage(found) {
  const used = { ...(found.usage ?? {}) };
  if ("cost_usd" in used) used.cost_usd = money(used.cost_usd);
  return pairs(used);
}

function part_(title, content, isFolded = false) {
  if (!content) return null;
  if (isFolded) return h("section", {}, h("details", {}, h("summary", {}, title), content));
  return h("section", {}, h("h3", {}, title), content);
}

function children(found, run) {
  const ids = (found.children ?? []).map((one) => (typeof one === "string" ? { id: one } : one));
  if (!found.parent && !ids.length) return null;
  const link_ = (one) => operationLink(one.id, one.name, to({ op: one.id, run }));
  const parent = typeof found.parent === "string" ? { id: found.parent } : found.parent;
  return h("section", {}, h("h3", {}, "Around it"),
    parent ? h("p", {}, "inside ", link_(parent)) : null,
    ids.length ? h("details", {}, h("summary", {}, `${count(ids.length, "operation")} inside`),
      h("ul", { class: "values" }, ids.map((one) => h("li", {}, link_(one))))) : null);
}
