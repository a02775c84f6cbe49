// Operations picked for an annotation, one after the other. In: clicks. Out: a list that tells.

let picked = [];
let owner = null;
const listeners = new Set();

/** Start anew for an answer; what was picked for it stays. */
export function pickFor(answer) {
  if (owner === answer) return;
  owner = answer;
  set([]);
}

/** What is picked: {id, name, kind, error_type}. */
export function picks() {
  return picked;
}

/** Whether an operation is picked. */
export function isPicked(id) {
  return picked.some((one) => one.id === id);
}

/** Pick an operation, or give it up. */
export function toggle(operation) {
  set(isPicked(operation.id) ? picked.filter((one) => one.id !== operation.id) : [...picked, operation]);
}

/** Put these in place of what is picked. */
export function set(operations) {
  picked = operations;
  for (const listener of listeners) listener(picked);
}

/** Be told of changes; gives the function that ends it. */
export function onPicks(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
