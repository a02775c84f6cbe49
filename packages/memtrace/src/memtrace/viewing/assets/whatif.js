// What if: something is changed, priced, replayed. In: an answer and an operation, if any.
// Out: editors at the left, the price and what came of it at the right.

import { get, part, recall } from "./api.js";
import { button, fill, h } from "./dom.js";
import { atPoint, change, changeAt, changes, clear, onChanges } from "./drafts.js";
import { editor, settingEditor, textEditor } from "./editors.js";
import { effect } from "./effect.js";
import { empty, failure, field, operationLink, said, select, verdict, waiting } from "./parts.js";
import { go, link, parse } from "./route.js";
import { asText, count, short } from "./words.js";

/** Show the what-if. */
export function mount(root, { session, params, refreshSession }) {
  const subject = h("section", { class: "card question-card", "aria-label": "Question" });
  const places = h("section", { class: "what-places", "aria-label": "Operation to change" });
  const program = h("section", { "aria-label": "Prompts and settings" });
  const list = h("section", { class: "card", "aria-label": "Changes" });
  const right = effect({ session, refreshSession });
  let answer = null;
  let at = null;
  let scope = null;
  let row = null;
  let alive = true;
  let told = null;
  fill(root, h("h1", { class: "sr" }, "What if"),
    h("div", { class: "whatif" },
      h("div", { class: "whatif-left scroll" }, subject, places, program),
      h("div", { class: "whatif-right scroll" }, list, right.element)));
  const stop = onChanges(() => { drawChanges(); right.priced(); });
  drawChanges();
  known();

  /** What can be replayed is read in the background at the start. */
  async function known() {
    while (!session.ready && alive) {
      fill(program, waiting("Reading what can be replayed"));
      await new Promise((resolve) => setTimeout(resolve, 400));
      await refreshSession();
    }
    if (!alive) return;
    if (!session.scopes.some((one) => one.replayable)) fill(program, cannot(session));
    else settings(scope ?? row?.scope);
  }

  async function about(id) {
    if (!id) {
      row = null;
      fill(subject, h("p", {}, "Choose a question under ", h("a", { href: link("questions") }, "Questions"),
        " and press w to change one of its operations; or change a prompt or a setting below."));
      return right.about(null);
    }
    try {
      const found = await get(`answers/${part(id)}`);
      if (answer !== id) return null;
      row = found.question;
      fill(subject,
        h("p", { class: "head-line" }, h("a", { href: link("answer", { answer: id }), class: "dim" }, "← The answer"),
          h("span", { class: "dim" }, said(row.scope ?? ""))),
        h("h2", {}, said(row.question)),
        h("p", {}, said(row.prediction ?? "no answer", { class: "prediction" }), " ", verdict(row.verdict),
          row.gold === null || row.gold === undefined ? null : [h("span", { class: "dim" }, " expected "), said(row.gold, { class: "gold" })]));
      right.about(row);
      choices(found);
      settings(scope ?? row.scope);
    } catch (error) {
      fill(subject, failure(error, () => about(id)));
    }
    return null;
  }

  /** Operations of this answer that can be changed, the blamed one first. */
  function choices(found) {
    const shown = found.nodes.filter((node) => (node.times ?? 1) === 1);
    const named = (node) => `${node.blamed ? "✗ " : ""}${node.name} · ${node.id}${node.loses.length ? " (a fact dies here)" : ""}`;
    const ids = shown.map((node) => [node.id, named(node)]);
    if (at && !ids.some(([id]) => id === at)) ids.unshift([at, at]);
    const choice = select([["", "choose an operation of this answer"], ...ids], at ?? "",
      (value) => go(link("whatif", { answer, at: value, scope }), { replace: true }), { "aria-label": "Operation" });
    places.querySelector(".choice")?.replaceWith(choiceOf(choice)) ?? places.prepend(choiceOf(choice));
  }

  async function editorsAt(id) {
    const choice = places.querySelector(".choice");
    if (!id) return fill(places, choice);
    fill(places, choice, waiting("Reading the operation"));
    try {
      const found = await recall(`operations/${part(id)}`);
      const exact = session.can?.replay && found.points.length
        ? (await recall(`operations/${part(id)}/points`)).points : found.points;
      if (at !== id) return null;
      fill(places, places.querySelector(".choice") ?? choice, points(found, exact), promptOf(found, scope ?? row?.scope));
      settings(found.place?.scope ?? scope ?? row?.scope, true);
    } catch (error) {
      fill(places, choice, failure(error, () => editorsAt(id)));
    }
    return null;
  }

  function points(found, exact) {
    const roles = found.points.map((one) => exact.find((other) => other.role === one.role) ?? one);
    return [h("h2", {}, operationLink(found.id, found.name)),
      roles.length ? roles.map((one) => pointEditor(found, one))
        : h("p", { class: "dim" }, "Nothing that this operation passes on can be changed. Choose one that writes, retrieves or answers.")];
  }

  function settings(name, isFresh = false) {
    const known = session.scopes.filter((one) => one.replayable);
    if (!known.length || !name && (answer || at)) return;
    if (name === told && !isFresh) return;
    told = name;
    const one = known.find((other) => other.name === name) ?? known[0];
    const entries = Object.entries(one.parameters ?? {});
    fill(program, h("h2", {}, "Settings and prompts of ", known.length > 1
      ? select(known.map((other) => other.name), one.name, (value) => settings(value, true), { "aria-label": "Memory" })
      : said(one.name)),
    h("div", { class: "settings" }, entries.filter(([, value]) => typeof value !== "object" || value === null).map(([key, value]) =>
      setting(one.name, key, value))),
    h("div", { class: "prompts" }, (one.prompts ?? []).map((prompt) => promptEditor(one.name, prompt))));
  }

  function drawChanges() {
    const all = changes();
    fill(list, h("h2", {}, "Changes"),
      all.length ? h("ul", { class: "changes" }, all.map((one) => h("li", {},
        h("strong", {}, said(one.title)), h("span", { class: "dim" }, " ", said(short(one.detail, 120))), " ",
        button("Take back", () => { change(one.key, null); redraw(); }, { class: "quiet" }))))
        : h("p", { class: "dim" }, "None yet: edit something at the left."),
      all.length > 1 ? button("Take all back", () => { clear(); redraw(); }, { class: "quiet" }) : null);
  }

  /** Editors show recorded values again. */
  function redraw() {
    if (at) editorsAt(at);
    else settings(told, true);
  }

  return {
    update(next) {
      if (next.answer !== answer) {
        answer = next.answer ?? null;
        about(answer);
      }
      scope = next.scope ?? null;
      if ((next.at ?? null) !== at) {
        at = next.at ?? null;
        editorsAt(at);
      }
      if (session.ready && !at) settings(scope ?? row?.scope);
    },
    unmount() { alive = false; stop(); right.unmount(); },
  };
}

function choiceOf(choice) {
  return h("div", { class: "choice" }, field("Operation", choice));
}

function cannot(session) {
  const why = session.scopes.map((one) => one.obstacle).find(Boolean);
  return empty("This trace cannot be replayed.", why ? said(why) : "It holds no memory system that this package can build again.");
}

function pointEditor(found, point) {
  const key = `${found.id}/${point.role}`;
  const title = `${found.name}: ${point.role}`;
  const draft = changeAt(key);
  const value = draft && "edited" in draft ? draft.edited : point.value;
  const edited = (next) => {
    const made = atPoint(found.id, point.role, point.value, next);
    change(key, made && { title, detail: detail(made, point.value), intervention: made, edited: next });
  };
  const resample = point.role === "reply" ? button("Draw another reply", () =>
    change(key, { title, detail: "another draw of the model", intervention: { kind: "resample", at: found.id, role: "reply", draw: 1 } }), { class: "quiet" }) : null;
  const dropAll = button("Pass nothing on", () =>
    change(key, { title, detail: "nothing is passed on", intervention: { kind: "drop", at: found.id, role: point.role, index: null } }), { class: "quiet" });
  return h("div", { class: "card point" },
    h("h3", {}, "What it passes on as ", said(point.role, { class: "id" })),
    point.is_exact === false ? h("p", { class: "dim" }, "As the trace shows it; with replay=true it is what a replay passes on.") : null,
    point.value === null || point.value === undefined ? h("p", { class: "dim" }, "The trace holds no value for this point.") : null,
    editor(value ?? "", edited, title),
    h("p", { class: "bar tight" }, resample, dropAll));
}

function detail(made, before) {
  if (made.kind === "drop") return `item ${made.index + 1} is dropped`;
  if (made.kind === "reorder") return `in the order ${made.order.map((place) => place + 1).join(", ")}`;
  if (Array.isArray(made.value)) {
    const edited = made.value.filter((one, index) => asText(one) !== asText(before?.[index])).length;
    return `${count(made.value.length, "item")}, ${edited} of them not as before`;
  }
  return `passes on ${short(asText(made.value), 90)}`;
}

function promptOf(found, scope) {
  const name = found.template?.name;
  if (!name) return null;
  return promptEditor(found.place?.scope ?? scope, name, found.template.text);
}

function promptEditor(scope, name, text = null) {
  const key = `prompt/${scope}/${name}`;
  const place = h("div");
  const open = (before) => {
    const edited = (next) => change(key, next === before ? null
      : { title: `prompt ${name}`, detail: `another wording in ${scope}`, intervention: { kind: "swap_prompt", scope, name, text: next }, edited: next });
    fill(place, textEditor(changeAt(key)?.edited ?? before, edited, `Prompt ${name}`));
  };
  const box = h("details", { class: "card point" }, h("summary", {}, "Prompt ", said(name, { class: "id" })), place);
  box.addEventListener("toggle", async () => {
    if (!box.open || place.firstChild) return;
    if (text !== null) return void open(text);
    fill(place, waiting("Reading the prompt"));
    try {
      const { rows } = await recall("prompts", { scope });
      const found = rows.find((one) => one.name === name);
      if (!found) throw new Error(`The trace does not hold the text of ${name}.`);
      open(found.text);
    } catch (error) {
      fill(place, failure(error));
    }
    return undefined;
  });
  return box;
}

function setting(scope, name, value) {
  const key = `setting/${scope}/${name}`;
  const edited = (next) => change(key, next === value ? null
    : { title: name, detail: `${JSON.stringify(value)} becomes ${JSON.stringify(next)}`, intervention: { kind: "set_parameter", scope, name, value: next }, edited: next });
  const now = changeAt(key);
  return field(name, settingEditor(now ? now.edited : value, edited, name));
}
