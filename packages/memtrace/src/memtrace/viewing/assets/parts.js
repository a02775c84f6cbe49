// Small pieces that every view uses. In: rows of the API. Out: elements.

import { button, fill, h } from "./dom.js";
import { to } from "./route.js";
import { letter, percent, short } from "./words.js";

const VERDICTS = { right: ["✓", "right"], wrong: ["✗", "wrong"], unscored: ["○", "unscored"] };

/** A verdict as sign and word, so that colour is never the only sign. */
export function verdict(word) {
  const [sign, name] = VERDICTS[word] ?? ["○", word ?? "unscored"];
  return h("span", { class: `verdict ${name}` }, h("span", { "aria-hidden": "true" }, sign), ` ${name}`);
}

/** Text of a trace on its own line of writing, whatever its direction. */
export function said(text, attributes = {}) {
  return h("bdi", attributes, text);
}

/** A link that shows an operation in the panel. */
export function operationLink(id, name, attributes = {}) {
  return h("a", { ...to({ op: id }), class: "ref", title: `Show ${id}`, ...attributes },
    name ? [said(name), " "] : null, h("span", { class: "id" }, id));
}

/** A link that shows a variable in the panel, with the beginning of its value. */
export function variableLink(id, summary, attributes = {}) {
  const label = summary?.item ? `${summary.item} v${summary.version ?? "?"}` : summary?.name;
  return h("a", { ...to({ var: id }), class: "value-link", ...attributes },
    h("span", { class: "id" }, id), " ",
    summary ? h("span", { class: "kind" }, summary.kind) : null,
    label ? [" ", said(short(label, 60), { class: "name" })] : null,
    summary?.text ? said(short(summary.text, 200), { class: "excerpt" }) : null);
}

/** Who is blamed, in a few words. */
export function blame(row) {
  if (row.attributed === "pending") return h("span", { class: "dim pending" }, "looking …");
  const found = row.blamed;
  if (!found) return h("span", { class: "dim", title: row.reason ?? "" }, row.reason ? short(row.reason, 60) : "");
  return h("span", { class: "blame" },
    said(found.name ?? found.operation ?? "no operation", { class: "name" }), " ",
    found.error_type ? h("span", { class: "tag" }, found.error_type) : null,
    found.proved ? h("span", { class: "tag proved", title: "proved by repair and replay" }, "✓ proved") : null,
    found.loss ? h("span", { class: "dim" }, ` ${found.loss}`) : null,
    found.confidence === null || found.confidence === undefined ? null
      : h("span", { class: "dim", title: "confidence" }, ` ${percent(found.confidence)}`));
}

/** A critical fact's mark: letter and colour. */
export function factMark(index) {
  return h("span", { class: `fact-mark fact-${index % 8}` }, letter(index));
}

/** What is being waited for. */
export function waiting(what) {
  return h("p", { class: "state" }, `${what} …`);
}

/** That there is nothing, and what to do. */
export function empty(title, ...hints) {
  return h("div", { class: "state" }, h("strong", {}, title), hints.map((hint) => h("p", {}, hint)));
}

/** What went wrong, with another try. */
export function failure(error, again) {
  return h("div", { class: "state failed", role: "alert" },
    h("strong", {}, "That did not work."), h("p", {}, said(error.message ?? String(error))),
    again ? button("Try again", again) : null);
}

/** Say something at the foot of the page for some seconds. */
export function tell(text) {
  const place = document.getElementById("told");
  fill(place, text);
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => fill(place), 6000);
}

/** Put a link to what is seen into the clipboard, without the key of this session. */
export async function copyLink() {
  const address = `${location.origin}${location.pathname}${location.hash}`;
  try {
    await navigator.clipboard.writeText(address);
    tell("Link copied. It opens in this browser while the server runs.");
  } catch {
    tell(address);
  }
}

/** A field with its label. */
export function field(label, input, attributes = {}) {
  return h("label", { class: "field", ...attributes }, h("span", {}, label), input);
}

/** A choice; `options` are values or [value, label]. */
export function select(options, value, change, attributes = {}) {
  const choice = h("select", { on: { change: () => change(choice.value) }, ...attributes },
    options.map((one) => {
      const [key, label] = Array.isArray(one) ? one : [one, one];
      return h("option", { value: key }, label);
    }));
  choice.value = value ?? "";
  return choice;
}

/** A choice among the memories of the trace; they are known some time after the start. */
export function scopeChoice({ session, refreshSession }, change) {
  const place = h("span");
  let chosen = "";
  let choice = null;
  const draw = () => {
    const names = session.scopes.map((one) => one.name);
    if (names.length < 2) return;
    choice = select([["", "all memories"], ...names], chosen, change, { "aria-label": "Memory" });
    fill(place, choice);
  };
  draw();
  const wait = async () => {
    while (!session.ready) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      if (!place.isConnected) return;
      await refreshSession();
    }
    draw();
  };
  if (!session.ready) wait().catch(() => {});
  return {
    element: place,
    set value(name) {
      chosen = name ?? "";
      if (choice) choice.value = chosen;
    },
  };
}

/** Call a function when it was not asked for again in the meantime. */
export function settled(call, wait = 200) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...given), wait);
  };
}
