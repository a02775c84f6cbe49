// What a replay is to do differently, as it is being put together. In: changes. Out: interventions.
// The list outlives the view, so that looking something up does not lose it.

const drafts = new Map();
const listeners = new Set();

/** All changes: {key, title, detail, intervention}. */
export function changes() {
  return [...drafts.values()];
}

/** What is changed at a place, if anything. */
export function changeAt(key) {
  return drafts.get(key) ?? null;
}

/** Put a change in place of the one with the same key; null takes it back. */
export function change(key, draft) {
  if (draft === null) drafts.delete(key);
  else drafts.set(key, { key, ...draft });
  for (const listener of listeners) listener();
}

/** Take everything back. */
export function clear() {
  drafts.clear();
  for (const listener of listeners) listener();
}

/** Be told of changes; gives the function that ends it. */
export function onChanges(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The least intervention that makes `after` of `before` at a point; null if they are equal. */
export function atPoint(at, role, before, after) {
  if (same(before, after)) return null;
  if (Array.isArray(before) && Array.isArray(after)) {
    const gone = dropped(before, after);
    if (gone !== null) return { kind: "drop", at, role, index: gone };
    const order = ordered(before, after);
    if (order) return { kind: "reorder", at, role, order };
  }
  return { kind: "replace", at, role, value: after };
}

/** Place of the only item that is missing. */
function dropped(before, after) {
  if (after.length !== before.length - 1) return null;
  let index = after.findIndex((item, place) => !same(item, before[place]));
  if (index < 0) index = after.length;
  return after.slice(index).every((item, place) => same(item, before[index + place + 1])) ? index : null;
}

/** Old places in the new order; null unless the same items stand in both. */
function ordered(before, after) {
  if (before.length !== after.length) return null;
  const left = before.map((_, index) => index);
  const order = [];
  for (const item of after) {
    const found = left.findIndex((index) => same(before[index], item));
    if (found < 0) return null;
    order.push(...left.splice(found, 1));
  }
  return order;
}

function same(left, right) {
  return JSON.stringify(left) === JSON.stringify(right);
}
