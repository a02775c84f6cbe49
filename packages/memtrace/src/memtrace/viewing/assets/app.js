// The page: which view stands in the middle, what lies in the panel beside it.
// In: the hash of the address. Out: one mounted view, told whenever the hash changes.

import { ApiError, expect, get } from "./api.js";
import { button, fill, h } from "./dom.js";
import { firstAsk } from "./questions.js";
import { listen } from "./keys.js";
import { mountPanel } from "./panel.js";
import { link, parse, refreshLink } from "./route.js";
import { copyLink, failure, tell } from "./parts.js";
import { startTheme, themeButton } from "./theme.js";

const LOADERS = {
  questions: () => import("./questions.js"), answer: () => import("./answer.js"),
  timeline: () => import("./timeline.js"), memory: () => import("./memory.js"),
  search: () => import("./search.js"), compare: () => import("./compare.js"),
  whatif: () => import("./whatif.js"), annotations: () => import("./annotations.js"),
};
const TABS = [
  ["questions", "Questions"], ["timeline", "Timeline"], ["memory", "Memory"],
  ["search", "Search"], ["compare", "Compare"], ["whatif", "What if"],
  ["annotations", "Annotations"],
];
/** Parameters that a view shows as a whole: with another one it is mounted anew. */
const IDENTITY = { answer: ["answer"], compare: ["compare"] };

const page = { session: null, current: null, key: "", panel: null, turn: 0 };

async function start() {
  startTheme();
  fill(
    document.getElementById("tools"),
    button("Copy link", copyLink, { class: "quiet", title: "Copy a link to what you see (l)" }),
    themeButton(),
    h("a", { class: "button quiet", href: "#help", role: "button", "aria-keyshortcuts": "?",
      title: "Keyboard (?)", on: { click: (event) => { event.preventDefault(); help(); } } }, "?"),
  );
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById("view").focus();
  });
  // The key in the address has become a cookie: no bookmark or screenshot needs it.
  history.replaceState(null, "", location.pathname + location.hash);
  const root = document.getElementById("view");
  const first = parse(location.hash);
  if (first.view === "questions") expect("questions", firstAsk(first.params));
  try {
    page.session = await get("trace");
  } catch (error) {
    root.setAttribute("aria-busy", "false");
    return fill(root, failure(error, () => location.reload()));
  }
  const { session } = page;
  document.title = `${session.path.split("/").pop()} · memtrace`;
  fill(document.getElementById("trace"), h("bdi", { title: session.path }, session.path.split("/").pop()));
  page.panel = mountPanel(document.getElementById("panel"), session);
  listen({ view: () => page.current, session, help });
  addEventListener("hashchange", show);
  for (const sort of ["pointerdown", "keydown", "focusin"]) addEventListener(sort, refreshLink, true);
  return show();
}

async function help() {
  (await import("./help.js")).openHelp();
}

async function show() {
  const { view, params } = parse(location.hash);
  const key = JSON.stringify([view, ...(IDENTITY[view] ?? []).map((name) => params[name])]);
  tabs(view);
  page.panel.update(params, view);
  if (key === page.key && page.current) return page.current.update?.(params);
  const turn = ++page.turn;
  const root = document.getElementById("view");
  page.current?.unmount?.();
  page.current = null;
  page.key = key;
  root.setAttribute("aria-busy", "true");
  root.className = `view view-${view}`;
  root.scrollTop = 0;
  try {
    const module = await LOADERS[view]();
    if (turn !== page.turn) return null;
    fill(root);
    page.current = await module.mount(root, { session: page.session, params, refreshSession });
    if (turn !== page.turn) page.current?.unmount?.();
    else if (page.current.update) page.current.update(parse(location.hash).params);
  } catch (error) {
    if (turn !== page.turn) return null;
    if (!(error instanceof ApiError)) console.error(error);
    page.key = "";
    fill(root, failure(error, show));
  } finally {
    if (turn === page.turn) root.setAttribute("aria-busy", "false");
  }
  return null;
}

/** Other traces come while the page is open: replays. */
async function refreshSession() {
  Object.assign(page.session, await get("trace"));
  return page.session;
}

function tabs(view) {
  const active = view === "answer" ? "questions" : view;
  fill(
    document.getElementById("nav"),
    TABS.map(([name, label]) =>
      h("a", { href: link(name), "aria-current": name === active ? "page" : null }, label)),
  );
}

start().catch((error) => {
  console.error(error);
  tell(String(error));
});
