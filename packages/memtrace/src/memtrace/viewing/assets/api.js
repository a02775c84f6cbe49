// The server's answers. In: a path below /api and parameters. Out: JSON, or an error told in words.

const KEPT = 300;
const kept = new Map();
const early = new Map();

/** What went wrong, in words for people. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** GET; parameters that are null or empty are left out. */
export async function get(path, params = {}, { signal } = {}) {
  const words = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== "") words.set(key, value);
  }
  const query = words.toString();
  const address = `/api/${path}${query ? `?${query}` : ""}`;
  const asked = early.get(address);
  early.delete(address);
  return asked ?? read(address, { signal });
}

/** Ask now for what the view that is about to come will ask for: it gets this answer. */
export function expect(path, params) {
  const asked = get(path, params);
  asked.catch(() => {});
  const words = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== ""));
  early.set(`/api/${path}?${words}`, asked);
}

/** GET of what never changes: a second ask costs nothing. */
export function recall(path, params = {}) {
  const key = JSON.stringify([path, params]);
  if (!kept.has(key)) {
    if (kept.size >= KEPT) kept.delete(kept.keys().next().value);
    const asked = get(path, params);
    kept.set(key, asked);
    asked.catch(() => kept.delete(key));
  }
  return kept.get(key);
}

/** POST of JSON. */
export function post(path, body) {
  return read(`/api/${path}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
}

/** A part of a path, such as an id from a trace. */
export function part(text) {
  return encodeURIComponent(text);
}

async function read(address, options) {
  let answer;
  try {
    answer = await fetch(address, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer. Is memtrace-view still running?", 0);
  }
  let body = null;
  try {
    body = await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
  }
  if (answer.ok && body !== null) return body;
  if (answer.status === 403) {
    throw new ApiError(
      body?.error ?? "This page has no key. Open the address that memtrace-view printed.", 403,
    );
  }
  throw new ApiError(body?.error ?? `The server answered ${answer.status}.`, answer.status);
}
