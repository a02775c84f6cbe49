// Keys. In: key presses outside of fields. Out: moves. `help.js` lists them for people.

import { closePanel } from "./panel.js";
import { copyLink } from "./parts.js";
import { answerHere, beside, go, link, parse } from "./route.js";

/** Listen for keys; `view()` is the mounted view. */
export function listen({ view, session, help }) {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") return void leave(event);
    if (event.target.type === "range" && event.key.startsWith("Arrow")) return;
    if (isField(event.target)) {
      if (event.key === "ArrowDown" && event.target.type === "search") { event.preventDefault(); step(view(), 1); }
      return;
    }
    const move = moves(view, session, help)[event.key];
    if (move) {
      event.preventDefault();
      move();
    }
  });
}

function moves(view, session, help) {
  return {
    j: () => step(view(), 1), ArrowDown: () => step(view(), 1),
    k: () => step(view(), -1), ArrowUp: () => step(view(), -1),
    "/": toSearch, "?": help, l: copyLink,
    q: () => go(link("questions")), t: () => go(link("timeline")), m: () => go(link("memory")),
    c: () => go(link("compare", { compare: session.others?.at(-1)?.key })),
    w: () => go(whatIf()), a: annotate,
    "[": () => view()?.write?.(-1), "]": () => view()?.write?.(1),
    "+": () => view()?.zoom?.(1), "=": () => view()?.zoom?.(1), "-": () => view()?.zoom?.(-1),
  };
}

function whatIf() {
  const { params } = parse(location.hash);
  return link("whatif", { answer: answerHere(), at: params.op });
}

function annotate() {
  const { view, params } = parse(location.hash);
  if (view === "answer") go(beside({ note: params.answer }));
  else go(link("annotations"));
}

/** To the filter of this view; from there, and from views without one, to the search. */
function toSearch() {
  const input = document.querySelector("#view [data-search]");
  if (input) {
    input.focus();
    input.select();
  } else go(link("search"));
}

function step(view, delta) {
  if (view?.step) return view.step(delta);
  const rows = [...document.querySelectorAll("#view [data-item]")];
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? (delta > 0 ? rows[0] : rows.at(-1)) : rows[at + delta];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
  return undefined;
}

function leave(event) {
  if (isField(event.target)) return event.target.blur();
  if (closePanel()) return undefined;
  const { view } = parse(location.hash);
  if (view === "answer") go(link("questions"));
  return undefined;
}

function isField(target) {
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement ||
    (target instanceof HTMLInputElement && !["checkbox", "radio", "button", "range"].includes(target.type));
}
