// Editors for what a replay can change. In: a recorded value. Out: elements that tell of each edit.

import { button, fill, h } from "./dom.js";
import { asText } from "./words.js";

/** An editor for any value; `edited(value)` is told of each edit that makes sense. */
export function editor(value, edited, label) {
  if (Array.isArray(value)) return listEditor(value, edited, label);
  if (typeof value === "string") return textEditor(value, edited, label);
  return jsonEditor(value, edited, label);
}

/** A text as it is. */
export function textEditor(value, edited, label) {
  const area = h("textarea", { rows: rowsFor(value), spellcheck: "false", "aria-label": label, value,
    on: { input: () => edited(area.value) } });
  return area;
}

/** Anything else as JSON; what is not JSON is told and not taken. */
export function jsonEditor(value, edited, label) {
  const told = h("p", { class: "bad", role: "alert" });
  const area = h("textarea", { rows: rowsFor(asText(value)), spellcheck: "false", class: "code", "aria-label": `${label}, as JSON`,
    value: JSON.stringify(value, null, 2), on: { input: () => {
      try {
        const next = JSON.parse(area.value);
        area.removeAttribute("aria-invalid");
        fill(told);
        edited(next);
      } catch (error) {
        area.setAttribute("aria-invalid", "true");
        fill(told, `This is no JSON yet: ${error.message}`);
      }
    } } });
  return h("div", {}, area, told);
}

/** Items of a list: edit, drop, move, add. */
function listEditor(value, edited, label) {
  const items = value.map((item) => ({ item }));
  const isText = value.every((item) => typeof item === "string");
  const list = h("ol", { class: "items", "aria-label": label });
  const foot = h("p", { class: "bar tight" },
    button("+ Item", () => { items.push({ item: isText ? "" : null }); draw(); told(); }, { class: "quiet" }),
    h("span", { class: "dim" }, "one way is enough: edit, drop, or move items"));
  draw();
  return h("div", { class: "list-editor" }, list, foot);

  function told() {
    edited(items.map((one) => one.item));
  }

  function move(index, by) {
    const [moved] = items.splice(index, 1);
    items.splice(index + by, 0, moved);
    draw();
    told();
    list.children[index + by]?.querySelector(by < 0 ? ".up" : ".down")?.focus();
  }

  function draw() {
    fill(list, items.map((one, index) => {
      const change = (next) => { one.item = next; told(); };
      const name = `${label}, item ${index + 1}`;
      return h("li", {}, itemEditor(one.item, change, name),
        h("span", { class: "item-tools" },
          button("↑", () => move(index, -1), { class: "quiet up", disabled: index === 0, "aria-label": `Move item ${index + 1} up` }),
          button("↓", () => move(index, 1), { class: "quiet down", disabled: index === items.length - 1, "aria-label": `Move item ${index + 1} down` }),
          button("Drop", () => { items.splice(index, 1); draw(); told(); }, { class: "quiet drop", "aria-label": `Drop item ${index + 1}` })));
    }));
    if (!items.length) fill(list, h("li", { class: "dim" }, "no item: the list is empty"));
  }
}

/** An item with a text and what stands beside it (a score): the text is what is edited. */
function itemEditor(item, change, name) {
  if (typeof item === "string") return textEditor(item, change, name);
  if (typeof item?.text !== "string") return jsonEditor(item, change, name);
  const { text, ...rest } = item;
  return h("div", {}, textEditor(text, (next) => change({ ...item, text: next }), name),
    h("p", { class: "dim beside" }, Object.entries(rest).map(([key, value]) => `${key}: ${asText(value)}`).join(" · ")));
}

/** A setting of a system: as its recorded value is written. */
export function settingEditor(value, edited, label) {
  if (typeof value === "boolean") {
    const box = h("input", { type: "checkbox", checked: value, "aria-label": label, on: { change: () => edited(box.checked) } });
    return box;
  }
  const input = h("input", { type: typeof value === "number" ? "number" : "text", step: "any", "aria-label": label,
    value: typeof value === "string" ? value : JSON.stringify(value), on: { input: () => edited(read(input.value, value)) } });
  return input;
}

function read(text, value) {
  if (typeof value === "string") return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function rowsFor(text) {
  const lines = text.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / 70)), 0);
  return Math.min(16, Math.max(2, lines + 1));
}
