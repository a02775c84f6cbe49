// Two runs side by side: this trace and another one, or a replay. In: a key. Out: paired answers.

import { get } from "./api.js";
import { button, fill, h } from "./dom.js";
import { empty, operationLink, said, select, verdict } from "./parts.js";
import { go, link, parse, to } from "./route.js";
import { virtualList } from "./virtual.js";
import { count } from "./words.js";

const POLL_MS = 800;

/** Show the comparison. */
export async function mount(root, { session, params, refreshSession }) {
  await refreshSession();
  const others = session.others ?? [];
  if (!others.length) {
    fill(root, h("h1", { class: "sr" }, "Compare"), empty(
      "There is no other run to compare with.",
      h("span", {}, "Start with ", h("code", {}, "memtrace-view trace.db 'others=[other.db]'"), ", or make a replay under ",
        h("a", { href: link("whatif") }, "What if"), "."),
    ));
    return {};
  }
  const key = others.some((one) => one.key === params.compare) ? params.compare : others.at(-1).key;
  const wanted = { changed: params.changed === "yes", both: params.both === "yes" };
  let timer = null;
  const told = h("span", { class: "dim", role: "status", "aria-live": "polite" });
  const choice = select(others.map((one) => [one.key, named(one)]), key,
    (value) => go(link("compare", { compare: value, ...words() })), { "aria-label": "The other run" });
  const filters = [filter("changed", "only changed"), filter("both", "only asked in both")];
  const list = virtualList({
    height: 92, label: "Questions of both runs",
    load: async (offset, limit) => get("compare", { other: key, offset, limit, changed: wanted.changed ? 1 : "", both: wanted.both ? 1 : "" }),
    loaded: (answer) => {
      fill(told, summary(answer));
      clearTimeout(timer);
      if (answer.state === "pending") timer = setTimeout(() => list.reload(), POLL_MS);
    },
    none: () => empty("No question to compare.", wanted.changed ? "Nothing changed; show all questions." : "The two runs share no question."),
    render: (row) => line(row, key),
  });
  fill(root, h("h1", { class: "sr" }, "Two runs side by side"),
    h("div", { class: "bar" }, h("span", {}, "this trace, beside ", choice), filters, told),
    h("div", { class: "compare-heads", "aria-hidden": "true" }, h("span"), h("span", {}, "this trace"), h("span", {}, "the other")),
    list.element);
  list.reload();

  function words() {
    return { changed: wanted.changed ? "yes" : "", both: wanted.both ? "yes" : "" };
  }

  function filter(name, title) {
    const toggle = button("", () => {
      wanted[name] = !wanted[name];
      go(link("compare", { ...parse(location.hash).params, compare: key, ...words() }), { replace: true });
      label();
      list.reload({ top: true });
    });
    const label = () => {
      toggle.textContent = `${wanted[name] ? "☑" : "☐"} ${title}`;
      toggle.setAttribute("aria-pressed", String(wanted[name]));
    };
    label();
    return toggle;
  }

  return {
    step: (delta) => list.step(delta),
    unmount: () => { clearTimeout(timer); list.unmount(); },
  };
}

function named(one) {
  const file = String(one.path).split("/").pop();
  return one.label ? `${one.key}: ${one.label}` : one.key === file ? file : `${one.key}: ${file}`;
}

function summary(answer) {
  const totals = answer.totals ?? {};
  const parts = [
    `${count(totals.both, "question")} in both`, `${totals.changed} changed`,
    `${totals.fixed} fixed, ${totals.broken} broken`,
  ];
  if (totals.both === totals.questions) parts.push(`right: ${totals.left_right} here, ${totals.right_right} there`);
  if (answer.state === "pending") parts.push("looking where they part …");
  if (answer.state === "failed") parts.push(answer.error);
  return parts.join(" · ");
}

function line(row, key) {
  const first = row.first_difference;
  const mark = !row.left || !row.right ? h("span", { class: "dim" }, "only in one run") : row.changed ? h("span", { class: "tag changed" }, "≠ changed") : h("span", { class: "dim" }, "= same");
  return h("div", { class: "row pair-row", tabindex: "0", role: "group", data: { item: "" },
    on: { keydown: (event) => { if (event.key === "Enter" && event.target === event.currentTarget && row.left) location.hash = link("answer", { answer: row.left.answer }); } } },
  h("span", { class: "pair-question" }, said(row.question, { class: "title" }), mark,
    first ? parting(first, key) : null),
  side(row.left, row.left && { href: link("answer", { answer: row.left.answer }) }),
  side(row.right, row.right && to({ var: row.right.answer, run: key })));
}

/** Where the runs first did not do the same: here, there, or both beside each other. */
function parting(first, key) {
  const { left, right } = first;
  return h("span", { class: "first", title: first.details.join("; ") }, "part at ", said(first.name), ` (${first.what.join(", ")}) `,
    left && right ? h("a", to({ op: left, twin: right, run: key }), "both") : null, " ",
    left ? operationLink(left, "here") : null, " ",
    right ? operationLink(right, "there", to({ op: right, run: key })) : null);
}

function side(answer, where) {
  if (!answer) return h("span", { class: "dim" }, "not asked");
  return h("span", { class: "side" }, verdict(answer.verdict), " ", h("a", where, said(answer.prediction ?? "no answer")));
}
