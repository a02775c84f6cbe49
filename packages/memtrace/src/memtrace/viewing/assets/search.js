// Full-text search. In: words. Out: hits, best first, with what was found marked.

import { get } from "./api.js";
import { fill, h } from "./dom.js";
import { empty, failure, operationLink, said, select, settled, waiting } from "./parts.js";
import { go, link, parse, to } from "./route.js";
import { count } from "./words.js";

/** Show the search. */
export function mount(root, { params }) {
  let query = null;
  let turn = 0;
  let kind = "";
  let hits = [];
  const words = h("input", { type: "search", placeholder: "Words anywhere in the trace", "aria-label": "Search the trace",
    class: "wide", data: { search: "" }, on: { input: settled(set, 250) } });
  const told = h("span", { class: "dim", role: "status", "aria-live": "polite" });
  const kinds = h("span");
  const found = h("div", { class: "scroll hits" });
  fill(root, h("h1", { class: "sr" }, "Search"), h("div", { class: "bar" }, words, kinds, told), found);
  if (!params.search) words.focus();

  function set() {
    const { params: now } = parse(location.hash);
    go(link("search", { ...now, search: words.value.trim() }), { replace: true });
  }

  async function ask(text) {
    const mine = ++turn;
    if (!text) {
      hits = [];
      fill(told);
      return fill(found, empty("Search every text of the trace.", "Messages, memory items, prompts, replies, answers. Words in any order."));
    }
    const slow = setTimeout(() => fill(found, waiting("Searching; the first search builds an index")), 250);
    try {
      const answer = await get("search", { q: text, limit: 100 });
      if (mine !== turn) return null;
      if (answer.state === "indexing") {
        clearTimeout(slow);
        fill(found, waiting("Building the index, once for this trace"));
        return void setTimeout(() => mine === turn && ask(text), 400);
      }
      hits = answer.hits;
      kind = hits.some((hit) => hit.kind === kind) ? kind : "";
      draw();
    } catch (error) {
      if (mine === turn) fill(found, failure(error, () => ask(text)));
    } finally {
      clearTimeout(slow);
    }
    return null;
  }

  function draw() {
    const all = [...new Set(hits.map((hit) => hit.kind))].sort();
    fill(kinds, all.length > 1 ? select([["", "all kinds"], ...all], kind, (value) => { kind = value; draw(); },
      { "aria-label": "Kind" }) : null);
    const those = kind ? hits.filter((hit) => hit.kind === kind) : hits;
    fill(told, `${count(those.length, "text")}${hits.length >= 100 ? " (the best 100)" : ""}`);
    fill(found, those.length ? h("ol", { class: "plain-rows" }, those.map(line))
      : empty("No text of this trace holds these words.", "Try fewer words, or a part of a name."));
  }

  return {
    update(next) {
      const text = (next.search ?? "").trim();
      if (text === query) return;
      query = text;
      if (words.value.trim() !== text) words.value = text;
      ask(text);
    },
    unmount() { turn += 1; },
  };
}

function line(hit) {
  return h("li", {},
    h("a", { class: "row hit", ...to({ var: hit.variable }, { item: "" }) },
      h("span", { class: "kind tag" }, hit.kind),
      h("span", { class: "what" },
        h("bdi", { class: "found" }, hit.excerpt.map(([text, isHit]) => (isHit ? h("mark", {}, text) : text))),
        h("span", { class: "dim" }, hit.variable, hit.name ? [" · ", said(hit.name)] : null))),
    hit.producer ? h("span", { class: "side-link" }, "by ", operationLink(hit.producer, hit.producer_name)) : null);
}
