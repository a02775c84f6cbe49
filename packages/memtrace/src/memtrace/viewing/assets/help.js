// The keys, told to people. In: nothing. Out: a dialog.

import { button, h } from "./dom.js";

const KEYS = [
  ["j / k, ↓ / ↑", "next, previous row or operation"], ["Enter", "open it"],
  ["/", "filter or search"], ["Esc", "leave a field, close the panel, go back to the list"],
  ["q", "questions"], ["t", "timeline"], ["m", "memory"], ["[ / ]", "write before, next write (memory)"],
  ["c", "two runs side by side"], ["w", "what if (for the answer and operation in sight)"],
  ["a", "annotate the answer in sight; elsewhere: annotations"],
  ["+ / −", "larger, smaller lineage"], ["l", "copy a link to what you see"], ["?", "this help"],
];

/** Open the dialog. */
export function openHelp() {
  if (document.querySelector("dialog[open]")) return;
  const dialog = h("dialog", { "aria-labelledby": "help-title", class: "help" },
    h("h2", { id: "help-title" }, "Keyboard"),
    h("table", {}, h("tbody", {}, KEYS.map(([keys, what]) =>
      h("tr", {}, h("th", { scope: "row" }, keys.split(/(, | \/ )/).map((one, index) => (index % 2 ? one : h("kbd", {}, one)))), h("td", {}, what))))),
    h("p", { class: "dim" }, "Every view, filter and panel is part of the address: the back button works, and links can be kept."),
    button("Close", () => dialog.close()));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
}
