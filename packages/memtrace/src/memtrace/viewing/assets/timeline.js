// Every operation in order. In: where to start, kind, name, scope. Out: a list that grows.

import { get } from "./api.js";
import { button, fill, h } from "./dom.js";
import { empty, failure, field, said, scopeChoice, select, settled } from "./parts.js";
import { go, link, parse, to } from "./route.js";
import { duration } from "./words.js";

const PAGE = 200;
const KEYS = ["after", "kind", "name", "scope"];

/** Show the timeline. */
export function mount(root, about) {
  let chosen = pick(about.params);
  let turn = 0;
  let next = null;
  const rows = h("ol", { class: "plain-rows", "aria-label": "Operations in order" });
  const foot = h("div", { class: "foot" });
  const scroll = h("div", { class: "scroll" }, rows, foot);
  const name = h("input", { type: "search", placeholder: "Name of the operation", "aria-label": "Name of the operation",
    data: { search: "" }, on: { change: () => set({ name: name.value }), input: settled(() => set({ name: name.value }), 350) } });
  const after = h("input", { type: "number", min: 0, class: "narrow", "aria-label": "After sequence number",
    on: { change: () => set({ after: after.value }) } });
  const kinds = h("span");
  const scope = scopeChoice(about, (value) => set({ scope: value }));
  fill(root, h("h1", { class: "sr" }, "Timeline"),
    h("div", { class: "bar" }, name, kinds, scope.element, field("after", after)), scroll);
  sync();
  load(true);
  get("kinds").then((found) => {
    const numbers = new Map();
    for (const row of found.rows) numbers.set(row.kind, (numbers.get(row.kind) ?? 0) + row.operations);
    fill(kinds, select([["", "all kinds"], ...[...numbers].map(([kind, number]) => [kind, `${kind} (${number})`])],
      chosen.kind, (value) => set({ kind: value }), { "aria-label": "Kind", id: "kind-choice" }));
  }).catch(() => {});
  const watcher = new IntersectionObserver((seen) => {
    if (seen.some((one) => one.isIntersecting) && next !== null) load();
  }, { root: scroll, rootMargin: "600px" });
  watcher.observe(foot);

  function set(changes) {
    const { params: now } = parse(location.hash);
    go(link("timeline", { ...now, ...chosen, ...changes }), { replace: true });
  }

  function sync() {
    if (name.value !== chosen.name) name.value = chosen.name;
    after.value = chosen.after;
    scope.value = chosen.scope;
    const choice = kinds.querySelector("select");
    if (choice) choice.value = chosen.kind;
  }

  async function load(isFresh = false) {
    const mine = isFresh ? ++turn : turn;
    const from = isFresh ? chosen.after || 0 : next;
    next = null;
    try {
      const answer = await get("operations", { ...chosen, after: from, limit: PAGE });
      if (mine !== turn) return;
      if (isFresh) {
        fill(rows);
        scroll.scrollTop = 0;
      }
      rows.append(...answer.rows.map(line));
      next = answer.next;
      fill(foot, next === null ? h("p", { class: "dim" }, rows.children.length ? "End of the trace." : "") : button("More", () => load()));
      if (!rows.children.length) {
        fill(foot, empty("No operation fits.", "Clear the name or the kind, or start earlier."));
      }
      mark();
    } catch (error) {
      if (mine === turn) fill(foot, failure(error, () => load(isFresh)));
    }
  }

  function mark() {
    const { op } = parse(location.hash).params;
    for (const row of rows.querySelectorAll("a.row")) {
      if (row.dataset.op === op) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  }

  return {
    update(now) {
      mark();
      const wanted = pick(now);
      if (JSON.stringify(wanted) === JSON.stringify(chosen)) return;
      chosen = wanted;
      sync();
      load(true);
    },
    unmount() { turn += 1; watcher.disconnect(); },
  };
}

function pick(params) {
  return Object.fromEntries(KEYS.map((name) => [name, params[name] ?? ""]));
}

function line(row) {
  const failed = row.status !== "ok";
  return h("li", {}, h("a", { class: `row operation ${failed ? "failed" : ""}`, ...to({ op: row.id }, { item: "", op: row.id }) },
    h("span", { class: "seq dim" }, row.seq),
    h("span", { class: "what" },
      h("span", { class: "title" }, said(row.name), " ", h("span", { class: "tag" }, row.kind),
        failed ? h("span", { class: "tag bad" }, `✗ ${row.status}`) : null),
      h("span", { class: "pair dim" }, edges(row), row.path ? [" · ", said(row.path)] : null)),
    h("span", { class: "who dim" }, duration(row.ms), " ",
      said(row.scope, { class: "where" }))));
}

function edges(row) {
  const told = (roles) => Object.entries(roles).map(([role, number]) => (number > 1 ? `${role} ×${number}` : role)).join(", ");
  return `${told(row.inputs) || "nothing"} → ${told(row.outputs) || "nothing"}`;
}
