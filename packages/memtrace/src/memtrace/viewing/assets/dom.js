// Elements without markup. In: tags, attributes, children. Out: DOM nodes.
// Text of a trace is never parsed: it only ever becomes a text node or the value of a field.

const SVG = "http://www.w3.org/2000/svg";
const ALLOWED_LINK = /^[#/]/;
const FORBIDDEN = /^(on|style$|srcdoc$|src$|xlink)/i;
const HIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g;

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name === "data") {
      Object.assign(element.dataset, value);
    } else if (name === "value" || name === "checked" || name === "disabled" || name === "hidden") {
      element[name] = value;
    } else if (FORBIDDEN.test(name) || (name === "href" && !ALLOWED_LINK.test(value))) {
      throw new Error(`expected a harmless attribute; got ${name}`);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) add(element, child);
    else if (child instanceof Node) element.append(child);
    else if (child !== null && child !== undefined && child !== false) {
      element.append(document.createTextNode(visible(String(child))));
    }
  }
}

/** An HTML element: `h("a", {href: "#op=op-1", class: "id"}, "op-1")`. */
export function h(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

/** Put children in place of what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren();
  add(element, children);
  return element;
}

/** Characters that steer and are not seen, made seen: a trace may hold what should hide. */
export function visible(text) {
  return text.replace(HIDDEN, (char) => {
    const code = char.codePointAt(0);
    if (code < 32) return String.fromCodePoint(0x2400 + code);
    return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}

/** A button. */
export function button(label, click, attributes = {}) {
  return h("button", { type: "button", on: { click }, ...attributes }, label);
}
