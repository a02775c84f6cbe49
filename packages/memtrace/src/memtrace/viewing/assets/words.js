// Figures and names as people read them. In: raw values. Out: short texts.

/** A count with its noun: `count(3, "call")`. */
export function count(number, noun, plural = `${noun}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? noun : plural}`;
}

/** Milliseconds. */
export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60000)} min`;
}

/** Cost; unknown is not zero. */
export function money(usd) {
  if (usd === null || usd === undefined) return "unknown";
  return usd === 0 ? "$0" : `$${usd.toFixed(usd < 0.01 ? 5 : 2)}`;
}

/** A share of one as a percentage. */
export function percent(share) {
  return share === null || share === undefined ? "–" : `${Math.round(share * 100)} %`;
}

/** The beginning of a text, on one line. */
export function short(text, length = 80) {
  const line = String(text ?? "").replace(/\s+/g, " ").trim();
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}

/** The number in an id. */
export function number(id) {
  return Number(String(id).replace(/^\D+/, ""));
}

/** A fact's letter: A, B, ... Z, A1, ... */
export function letter(index) {
  const round = Math.floor(index / 26);
  return String.fromCharCode(65 + (index % 26)) + (round || "");
}

/** A value as text: texts as they are, the rest as JSON. */
export function asText(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}
