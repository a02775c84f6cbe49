// A value of any length, read by pages. In: a variable's id. Out: its text, more of it on demand.

import { get, part, recall } from "./api.js";
import { button, fill, h } from "./dom.js";
import { failure } from "./parts.js";
import { count } from "./words.js";

const PAGE = 65536;
const PLACEHOLDER = /(\{[A-Za-z_][\w.]*\}|\{\{\s*[\w.]+\s*\}\})/g;

/** The text of a variable, with a button for more and one for JSON laid out. */
export async function valueOf(id, { run } = {}) {
  const first = await recall(`variables/${part(id)}`, { offset: 0, limit: PAGE, run });
  const text = h("pre", { class: "value", tabindex: "0", "aria-label": `Value of ${id}` }, first.text);
  const foot = h("div", { class: "value-foot" });
  const place = h("div", { class: "value-place" }, text, foot);
  let read = first.text;
  let offset = first.text.length;
  let isMore = first.more;
  let isPretty = false;
  told();

  function told() {
    const total = first.length;
    fill(foot,
      h("span", { class: "dim" }, isMore ? `${offset.toLocaleString("en")} of ${count(total, "character")}` : count(total, "character")),
      isMore ? button("Read on", next, { class: "quiet" }) : null,
      first.is_json && !isMore ? button(isPretty ? "As recorded" : "Lay out", lay, { class: "quiet" }) : null,
      button("Copy", copy, { class: "quiet" }));
  }

  async function next() {
    try {
      const answer = await get(`variables/${part(id)}`, { offset, limit: PAGE, run });
      read += answer.text;
      offset += answer.text.length;
      isMore = answer.more && answer.text.length > 0;
      text.append(document.createTextNode(answer.text));
      told();
    } catch (error) {
      fill(foot, failure(error, next));
    }
  }

  function lay() {
    isPretty = !isPretty;
    let shown = read;
    try {
      if (isPretty) shown = JSON.stringify(JSON.parse(read), null, 2);
    } catch {
      shown = read;
    }
    fill(text, shown);
    told();
  }

  async function copy() {
    try {
      await navigator.clipboard.writeText(read);
    } catch {
      getSelection().selectAllChildren(text);
    }
  }

  if (first.is_json && !isMore && /^[[{]/.test(read)) lay();
  return { element: place, variable: first };
}

/** A template with its placeholders marked. */
export function template(text) {
  return h("pre", { class: "value", tabindex: "0" },
    text.split(PLACEHOLDER).map((piece, index) => (index % 2 ? h("mark", {}, piece) : piece)));
}

/** Keys and values as they are. */
export function pairs(record) {
  const entries = Object.entries(record ?? {});
  if (!entries.length) return null;
  return h("dl", { class: "pairs" }, entries.map(([key, value]) => [
    h("dt", {}, h("bdi", {}, key)),
    h("dd", {}, typeof value === "object" && value !== null ? h("code", {}, JSON.stringify(value)) : h("bdi", {}, String(value))),
  ]));
}

/** Spans of a comparison: kept, gone, come. */
export function diffed(spans) {
  const tags = { "-": "del", "+": "ins" };
  return h("pre", { class: "value diff" }, spans.map(([sign, text]) =>
    (tags[sign] ? h(tags[sign], {}, text) : h("span", {}, text))));
}
