// Where we are, as the part of the address after '#'. In: a hash. Out: a view and its parameters.
// `#answer=var-93&op=op-20`: the first key that names a view is the view; every state is a link.

export const VIEWS = [
  "questions", "answer", "timeline", "memory", "search", "compare", "whatif", "annotations",
];

/** What lies in the panel beside a view. */
export const PANEL = ["op", "twin", "var", "item", "of", "run", "note"];

/** View and parameters of a hash. */
export function parse(hash) {
  const params = {};
  let view = null;
  for (const part of hash.replace(/^#/, "").split("&").filter(Boolean)) {
    const [key, ...rest] = part.split("=");
    const name = decode(key);
    params[name] = decode(rest.join("="));
    if (view === null && VIEWS.includes(name)) view = name;
  }
  const loose = view === null && ["op", "var", "item"].some((key) => params[key]);
  return { view: view ?? (loose ? "timeline" : "questions"), params };
}

/** The hash of a view with parameters; null and empty ones are left out. */
export function link(view, params = {}) {
  const own = params[view];
  const parts = [own ? `${view}=${encode(own)}` : view];
  for (const [key, value] of Object.entries(params)) {
    if (key === view || VIEWS.includes(key) && !value) continue;
    if (value === null || value === undefined || value === "") continue;
    parts.push(`${encode(key)}=${encode(String(value))}`);
  }
  return `#${parts.join("&")}`;
}

/** The present place with some parameters changed. */
export function here(changes) {
  const { view, params } = parse(location.hash);
  return link(view, { ...params, ...changes });
}

/** The present place with something else in the panel. */
export function beside(changes) {
  const empty = Object.fromEntries(PANEL.map((key) => [key, null]));
  return here({ ...empty, ...changes });
}

/** Attributes of a link that changes the panel alone, whatever the view has come to show since. */
export function to(changes, data = {}) {
  return { href: beside(changes), data: { ...data, beside: JSON.stringify(changes) } };
}

/** Bring such a link up to date when it is about to be followed. */
export function refreshLink(event) {
  const link_ = event.target.closest?.("a[data-beside]");
  if (link_) link_.setAttribute("href", beside(JSON.parse(link_.dataset.beside)));
}

/** Go to a hash; `replace` leaves no step for the back button (filters, sliders). */
export function go(hash, { replace = false } = {}) {
  if (hash === location.hash) return;
  if (replace) {
    history.replaceState(null, "", hash);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = hash;
  }
}

function encode(text) {
  return encodeURIComponent(text).replace(/%20/g, "+").replace(/%3A/g, ":").replace(/%2F/g, "/");
}

function decode(text) {
  try {
    return decodeURIComponent(text.replace(/\+/g, " "));
  } catch {
    return text;
  }
}

/** The answer that the page is about, if any. */
export function answerHere() {
  const { params } = parse(location.hash);
  return params.answer || params.note || null;
}
