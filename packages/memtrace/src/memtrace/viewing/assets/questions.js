// The questions with verdict and blamed operation. In: filters of the hash. Out: a virtual list.

import { get } from "./api.js";
import { button, fill, h } from "./dom.js";
import { blame, empty, said, scopeChoice, select, settled, verdict } from "./parts.js";
import { go, link } from "./route.js";
import { PAGE, virtualList } from "./virtual.js";
import { count } from "./words.js";

const FILTERS = ["q", "verdict", "operation", "scope"];
const POLL_MS = 1200;

/** Show the list. */
export function mount(root, about) {
  const { params } = about;
  let filters = pick(params);
  let timer = null;
  let alive = true;
  const told = h("span", { class: "dim", role: "status", "aria-live": "polite" });
  const words = h("input", {
    type: "search", placeholder: "Filter questions and answers", "aria-label": "Filter questions",
    data: { search: "" }, on: { input: settled(() => set({ q: words.value })) },
  });
  const choices = {
    verdict: select([["", "all verdicts"], "wrong", "right", "unscored"], "",
      (value) => set({ verdict: value }), { "aria-label": "Verdict" }),
    scope: scopeChoice(about, (value) => set({ scope: value })),
  };
  const blamed = h("span");
  let names = null;
  const list = virtualList({
    height: 54, label: "Questions", none, loaded,
    load: (offset, limit) => get("questions", { ...filters, offset, limit }),
    render: (row) => line(row),
  });
  fill(root,
    h("h1", { class: "sr" }, "Questions"),
    h("div", { class: "bar" }, words, choices.verdict, blamed,
      choices.scope.element, told),
    list.element);
  sync();
  list.reload();

  function set(changes) {
    go(link("questions", { ...filters, ...changes }), { replace: true });
  }

  function sync() {
    if (words.value !== (filters.q ?? "")) words.value = filters.q ?? "";
    for (const [name, choice] of Object.entries(choices)) choice.value = filters[name] ?? "";
  }

  /** Names to filter by, read when the list is there already. */
  async function operations() {
    if (names) return;
    names = new Set([filters.operation].filter(Boolean));
    try {
      for (const row of (await get("kinds")).rows) names.add(row.name);
    } catch {
      names = null;
      return;
    }
    choices.operation = select([["", "any blamed operation"], ...[...names].sort()], filters.operation,
      (value) => set({ operation: value }), { "aria-label": "Blamed operation" });
    fill(blamed, choices.operation);
  }

  function none() {
    if (Object.values(filters).some(Boolean)) {
      return h("div", { class: "state" }, h("strong", {}, "No question fits the filters."),
        h("p", {}, button("Show all", () => set({ q: "", verdict: "", operation: "", scope: "" }))));
    }
    return empty("This trace holds no answered question.", h("span", {}, "Look at the ",
      h("a", { href: link("timeline") }, "timeline"), ", the ", h("a", { href: link("memory") }, "memory"),
      " or the ", h("a", { href: link("search") }, "search"), "."));
  }

  function loaded(answer) {
    const pending = answer.pending ? `, ${count(answer.pending, "failure")} still being explained` : "";
    const each = Object.entries(answer.counts ?? {}).filter(([, number]) => number).map(([name, number]) => `${number} ${name}`);
    fill(told, `${count(answer.total, "question")}${each.length ? `, in all ${each.join(", ")}` : ""}${pending}`);
    operations();
    clearTimeout(timer);
    if (answer.pending && alive) timer = setTimeout(() => list.reload(), POLL_MS);
  }

  return {
    update(next) {
      const chosen = pick(next);
      if (JSON.stringify(chosen) === JSON.stringify(filters)) return;
      filters = chosen;
      sync();
      list.reload({ top: true });
    },
    step: (delta) => list.step(delta),
    unmount() {
      alive = false;
      clearTimeout(timer);
      list.unmount();
    },
  };
}

/** What the list asks for first, so that it can be asked before the view is there. */
export function firstAsk(params) {
  return { ...pick(params), offset: 0, limit: PAGE };
}

function pick(params) {
  return Object.fromEntries(FILTERS.map((name) => [name, params[name] ?? ""]));
}

function line(row) {
  return h("a", { class: `row question ${row.verdict}`, href: link("answer", { answer: row.answer }) },
    verdict(row.verdict),
    h("span", { class: "what" },
      said(row.question, { class: "title" }),
      h("span", { class: "pair" },
        said(row.prediction ?? "no answer", { class: "prediction" }),
        row.gold === null || row.gold === undefined || row.verdict === "right" ? null
          : h("span", { class: "dim" }, " expected ", said(row.gold, { class: "gold" })))),
    h("span", { class: "who" }, blame(row),
      h("span", { class: "dim where" }, said(row.scope ?? ""), row.category ? [" · ", said(row.category)] : null)));
}
