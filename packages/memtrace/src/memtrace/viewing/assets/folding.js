// Runs of like operations as one row. In: nodes of a slice in order. Out: groups in order.
// What loses a fact, is blamed or failed always stands alone, and ends what was being gathered.

const LEAST = 3;

/** Groups of nodes: {id, nodes, times, isFolded}. `opened` holds ids of groups shown one by one. */
export function folded(nodes, opened, { isWhole = false } = {}) {
  const groups = [];
  let stretch = new Map();
  let holder = null;
  for (const node of nodes) {
    if (isWhole || stands(node)) {
      stretch = new Map();
      holder = null;
      groups.push([node]);
      continue;
    }
    const sign = [node.lane, node.name, node.kind, node.holds.join(",")].join("|");
    let group = node.holds.length ? (holder?.sign === sign ? holder.group : null) : stretch.get(sign);
    if (!group) {
      group = [];
      groups.push(group);
      if (node.holds.length) holder = { sign, group };
      else stretch.set(sign, group);
    }
    group.push(node);
  }
  return groups.flatMap((group) => asRows(group, opened)).sort((a, b) => a.seq - b.seq);
}

function stands(node) {
  return node.loses.length > 0 || node.blamed || node.status !== "ok";
}

function asRows(group, opened) {
  const times = group.reduce((sum, node) => sum + (node.times ?? 1), 0);
  const id = group[0].id;
  if (group.length >= LEAST && !opened.has(id)) {
    return [{ id, nodes: group, times, isFolded: true, seq: group[0].seq }];
  }
  return group.map((node) => ({
    id: node.id, nodes: [node], times: node.times ?? 1, isFolded: false, seq: node.seq,
    opener: group.length >= LEAST ? id : null,
  }));
}

/** Ids of all groups that can be unfolded. */
export function foldable(nodes) {
  return folded(nodes, new Set()).filter((row) => row.isFolded).map((row) => row.id);
}
