// Light or dark: as the system says, until a person says otherwise. In: a click. Out: an attribute.

import { button } from "./dom.js";

const KEY = "memtrace-theme";
const NEXT = { auto: "dark", dark: "light", light: "auto" };
const SIGNS = { auto: "◐", dark: "☾", light: "☀" };

/** Take up what was chosen last time. */
export function startTheme() {
  apply(chosen());
}

/** The button that goes through auto, dark and light. */
export function themeButton() {
  const toggle = button("", () => {
    const next = NEXT[chosen()];
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // A browser may forbid storage: the choice then holds for this page.
    }
    document.documentElement.dataset.chosen = next;
    apply(next);
    label(next);
  }, { class: "quiet", id: "theme" });
  const label = (theme) => {
    toggle.textContent = SIGNS[theme];
    toggle.setAttribute("aria-label", `Colours: ${theme}. Change`);
    toggle.title = `Colours: ${theme}`;
  };
  label(chosen());
  return toggle;
}

function chosen() {
  let kept = document.documentElement.dataset.chosen;
  try {
    kept ??= localStorage.getItem(KEY);
  } catch {
    kept ??= "auto";
  }
  return kept in NEXT ? kept : "auto";
}

function apply(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
