// A list of any length of which only what is seen exists. In: pages of rows. Out: links in an <ol>.

import { fill, h } from "./dom.js";
import { failure } from "./parts.js";

/** Rows of one request. */
export const PAGE = 100;
const AROUND = 12;

/**
 * A virtual list.
 * `load(offset, limit)` gives {total, rows}; `render(row, index)` gives an <a> of the fixed height.
 */
export function virtualList({ height, load, render, label, none, loaded = () => {} }) {
  const list = h("ol", { class: "rows", "aria-label": label });
  const frame = h("div", { class: "list", tabindex: "-1" }, list);
  const pages = new Map();
  const shown = new Map();
  let total = 0;
  let era = 0;
  let focused = -1;

  const rowAt = (index) => pages.get(Math.floor(index / PAGE))?.rows?.[index % PAGE];

  async function ask(number) {
    if (pages.has(number)) return;
    const mine = era;
    pages.set(number, {});
    try {
      const answer = await load(number * PAGE, PAGE);
      if (mine !== era) return;
      pages.set(number, { rows: answer.rows });
      total = answer.total;
      loaded(answer);
      draw(true);
    } catch (error) {
      if (mine !== era || error.name === "AbortError") return;
      pages.delete(number);
      fill(frame, failure(error, () => { fill(frame, list); ask(number); }));
    }
  }

  function place(index) {
    const row = rowAt(index);
    const kept = shown.get(index);
    if (kept && kept.row === row) return;
    const content = row ? render(row, index) : h("span", { class: "row ghost" }, "…");
    content.dataset.index = index;
    content.addEventListener("focus", () => { focused = index; });
    if (kept) {
      const had = kept.item.contains(document.activeElement);
      fill(kept.item, content);
      kept.row = row;
      if (had) content.focus({ preventScroll: true });
      return;
    }
    const item = h("li", { "aria-posinset": index + 1, "aria-setsize": total }, content);
    item.style.transform = `translateY(${index * height}px)`;
    item.style.height = `${height}px`;
    shown.set(index, { item, row });
    const next = [...shown.keys()].filter((other) => other > index).sort((a, b) => a - b)[0];
    list.insertBefore(item, next === undefined ? null : shown.get(next).item);
  }

  function draw(fresh = false) {
    if (fresh) list.style.height = `${total * height}px`;
    if (total === 0 && pages.get(0)?.rows) {
      if (fresh) fill(frame, none());
      return undefined;
    }
    if (!list.isConnected) fill(frame, list);
    const first = Math.max(0, Math.floor(frame.scrollTop / height) - AROUND);
    const last = Math.min(total, Math.ceil((frame.scrollTop + frame.clientHeight) / height) + AROUND);
    for (const [index, { item }] of shown) {
      if ((index < first || index >= last) && !item.contains(document.activeElement) || index >= total) {
        item.remove();
        shown.delete(index);
      }
    }
    for (let index = first; index < last; index++) {
      if (!rowAt(index)) ask(Math.floor(index / PAGE));
      place(index);
    }
    return undefined;
  }

  frame.addEventListener("scroll", () => draw(), { passive: true });
  const watcher = new ResizeObserver(() => draw());
  watcher.observe(frame);

  return {
    element: frame,
    get total() { return total; },
    get focused() { return focused; },
    /** Ask for everything anew; what is seen stays until the answer is there. */
    async reload({ top = false } = {}) {
      era += 1;
      if (top) { frame.scrollTop = 0; focused = -1; }
      const seen = new Set([0, ...[...shown.keys()].map((index) => Math.floor(index / PAGE))]);
      const mine = era;
      const answers = await Promise.all([...seen].map(async (number) =>
        [number, await load(number * PAGE, PAGE)])).catch((error) => error);
      if (mine !== era) return;
      if (answers instanceof Error) {
        if (answers.name !== "AbortError") fill(frame, failure(answers, () => this.reload()));
        return;
      }
      pages.clear();
      for (const [number, answer] of answers) {
        pages.set(number, { rows: answer.rows });
        total = answer.total;
      }
      loaded(answers[0][1]);
      draw(true);
    },
    /** Move the focus by some rows. */
    step(delta) {
      if (!total) return;
      const index = Math.min(total - 1, Math.max(0, focused + (focused < 0 && delta < 0 ? 1 : delta)));
      const above = index * height;
      if (above < frame.scrollTop) frame.scrollTop = above;
      if (above + height > frame.scrollTop + frame.clientHeight) {
        frame.scrollTop = above + height - frame.clientHeight;
      }
      draw();
      focused = index;
      shown.get(index)?.item.firstElementChild?.focus({ preventScroll: true });
    },
    unmount() { watcher.disconnect(); era += 1; },
  };
}
