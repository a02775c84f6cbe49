// How much of a text fits. In: a text, a width in pixels, a font. Out: the text, shortened if need be.

import { short } from "./words.js";

const LONGEST = 160;
const pen = document.createElement("canvas").getContext("2d");
const family = getComputedStyle(document.body).fontFamily;

/** The beginning of a text that fits into a width, with a sign that it goes on. */
export function fitting(text, width, font = "11px") {
  pen.font = `${font} ${family}`;
  const line = short(text, LONGEST);
  if (pen.measureText(line).width <= width) return line;
  let [low, high] = [0, line.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (pen.measureText(`${line.slice(0, middle)}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return `${line.slice(0, low).trimEnd()}…`;
}
