// What the memory held at any moment. In: seq, scope, words. Out: a slider and a list of items.

import { get } from "./api.js";
import { button, fill, h } from "./dom.js";
import { empty, field, operationLink, said, scopeChoice, settled } from "./parts.js";
import { go, link, parse, to } from "./route.js";
import { virtualList } from "./virtual.js";
import { count } from "./words.js";

const POLL_MS = 700;
const KEYS = ["seq", "scope", "q"];

/** Show the memory. */
export async function mount(root, about) {
  let chosen = pick(about.params);
  let timer = null;
  const start = await get("memory", { ...chosen, limit: 1 });
  const end = start.last_seq;
  let state = start;
  const slider = h("input", { type: "range", min: 0, max: end, step: 1, "aria-label": "Moment, as a sequence number",
    on: { input: settled(() => set({ seq: slider.value }), 90) } });
  const exact = h("input", { type: "number", min: 0, max: end, class: "narrow", "aria-label": "Sequence number",
    on: { change: () => set({ seq: exact.value }) } });
  const words = h("input", { type: "search", placeholder: "Filter items", "aria-label": "Filter items",
    data: { search: "" }, on: { input: settled(() => set({ q: words.value })) } });
  const scope = scopeChoice(about, (value) => set({ scope: value }));
  const before = button("← Write before", () => toWrite(-1), { "aria-keyshortcuts": "[", title: "To the write before ([)" });
  const after = button("Next write →", () => toWrite(1), { "aria-keyshortcuts": "]", title: "To the next write (])" });
  const told = h("span", { class: "dim", role: "status", "aria-live": "polite" });
  const list = virtualList({
    height: 58, label: "Memory items",
    load: (offset, limit) => get("memory", { ...chosen, seq: at(), offset, limit }),
    loaded, none, render: (row) => line(row, state.seq),
  });
  fill(root,
    h("h1", { class: "sr" }, "Memory"),
    h("div", { class: "moment", role: "group", "aria-label": "Moment" }, before, slider, after, field("seq", exact)),
    h("div", { class: "bar" }, words, scope.element, told),
    list.element);
  sync();
  list.reload();

  function at() {
    return chosen.seq === "" ? end : chosen.seq;
  }

  function set(changes) {
    const { params: now } = parse(location.hash);
    go(link("memory", { ...now, ...chosen, ...changes }), { replace: true });
  }

  function toWrite(direction) {
    const next = direction > 0 ? state.next_write : state.previous_write;
    if (next !== null && next !== undefined) set({ seq: next });
  }

  function loaded(answer) {
    state = answer;
    clearTimeout(timer);
    if (answer.state === "pending") timer = setTimeout(() => list.reload(), POLL_MS);
    before.disabled = answer.previous_write === null || answer.previous_write === undefined;
    after.disabled = answer.next_write === null || answer.next_write === undefined;
    fill(told, `${count(answer.total, "item")}${answer.state === "pending" ? " so far" : ""} at ${Number(at()).toLocaleString("en")} of ${end.toLocaleString("en")}`,
      answer.write ? [answer.write.deleted ? " · ✗ deleted " : " · wrote ", said(answer.write.item),
        answer.write.operation ? [" by ", operationLink(answer.write.operation)] : null] : null);
  }

  function none() {
    if (chosen.q) return empty("No item holds these words at this moment.", "Move the slider, or clear the filter.");
    return empty("The memory is empty at this moment.", "Go to the next write, or move the slider to the right.");
  }

  function sync() {
    slider.value = at();
    slider.setAttribute("aria-valuetext", `sequence number ${at()} of ${end}`);
    exact.value = at();
    scope.value = chosen.scope;
    if (words.value !== chosen.q) words.value = chosen.q;
  }

  return {
    update(next) {
      const wanted = pick(next);
      if (JSON.stringify(wanted) === JSON.stringify(chosen)) return;
      chosen = wanted;
      sync();
      list.reload();
    },
    step: (delta) => list.step(delta),
    write: toWrite,
    unmount: () => { clearTimeout(timer); list.unmount(); },
  };
}

function pick(params) {
  return Object.fromEntries(KEYS.map((name) => [name, params[name] ?? ""]));
}

function line(row, seq) {
  const isNew = row.seq === seq;
  return h("a", { class: `row memory-row ${isNew ? "fresh" : ""}`, ...to({ item: row.item, of: row.scope }) },
    h("span", { class: "what" },
      h("span", { class: "title" }, isNew ? h("span", { class: "tag" }, "● written now") : null,
        said(row.item), h("span", { class: "dim" }, ` v${row.version}`)),
      said(row.text, { class: "pair" })),
    h("span", { class: "who dim" }, `at ${row.seq}`));
}
