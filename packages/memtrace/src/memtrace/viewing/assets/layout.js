// Where everything of a lineage stands. In: groups, facts, lanes. Out: boxes, threads, edges.
// Time runs down, a row an operation. Each fact has a rail of its own at the left of every lane,
// so a thread never crosses a box; it ends at the operation that loses the fact.

import { number } from "./words.js";

export const RAILS = 6;
const GAP = 12;
const HEIGHT = 42;
const LOSS = 18;
const TOP = 10;
const AXIS = 46;
const MAX_FAN = 8;
const RAIL = 9;
const LEAST_LANE = 118;

/** Boxes, threads and edges of a lineage. */
export function laidOut({ rows, facts, lanes, width }) {
  const used = lanes.filter((lane) => lane === "conversation" || rows.some((row) => row.nodes[0].lane === lane));
  const rails = Math.min(facts.length, RAILS);
  const inset = rails ? 7 + rails * RAIL : 6;
  const lane = Math.max(LEAST_LANE + inset, Math.min(300, (width - AXIS - 6) / Math.max(1, used.length)));
  const column = (name) => AXIS + Math.max(0, used.indexOf(name)) * lane;
  const rail = (name, index) => column(name) + 8 + index * RAIL;
  const boxes = [];
  let y = TOP;
  const place = (box, height) => {
    boxes.push({ ...box, x: column(box.lane) + inset, y, width: lane - inset - 10, height, middle: y + 20 });
    y += height + GAP;
  };
  const waiting = sources(facts);
  for (const row of rows) {
    const reads = new Set(row.nodes.flatMap((node) => Object.values(node.inputs).flat()));
    for (const [variable, source] of waiting) {
      if (reads.has(variable)) {
        place({ type: "said", id: variable, lane: "conversation", ...source }, HEIGHT);
        waiting.delete(variable);
      }
    }
    const [node] = row.nodes;
    place(
      { type: "operation", id: row.id, lane: node.lane, row, holds: node.holds, loses: node.loses },
      HEIGHT + (node.loses.length ? LOSS : 0),
    );
  }
  const early = [...waiting].map(([variable, source]) => ({ variable, ...source }));
  const ends = ended(boxes);
  const threads = facts.slice(0, RAILS).flatMap((fact) => thread(fact, boxes, ends, rail));
  return {
    boxes, early, height: y + TOP, width: AXIS + used.length * lane + 6,
    lanes: used.map((name) => ({ name, x: column(name), width: lane })),
    threads,
    edges: edges(boxes, ends, threads),
  };
}

/** Messages in which the facts were said, by variable. */
function sources(facts) {
  const found = new Map();
  for (const fact of facts) {
    for (const said of fact.said) {
      const source = found.get(said.variable) ?? { name: said.name, text: said.text, holds: [], loses: [] };
      source.holds.push(fact.index);
      found.set(said.variable, source);
    }
  }
  return new Map([...found].sort(([a], [b]) => number(a) - number(b)));
}

/** Box by the variables it gives. */
function ended(boxes) {
  const found = new Map();
  for (const box of boxes) {
    if (box.type === "said") found.set(box.id, box);
    else for (const node of box.row.nodes) {
      for (const variable of Object.values(node.outputs).flat()) found.set(variable, box);
    }
  }
  return found;
}

function inputsOf(box, ends) {
  const nodes = box.row?.nodes ?? [];
  const from = nodes.flatMap((node) => Object.values(node.inputs).flat()).map((one) => ends.get(one));
  return [...new Set(from)].filter((one) => one && one !== box && one.y < box.y);
}

/** The lines of one fact: from whoever hands it on to whoever reads it. */
function thread(fact, boxes, ends, rail) {
  const lines = [];
  let last = null;
  for (const box of boxes) {
    const holds = box.holds.includes(fact.index);
    const loses = box.loses.includes(fact.index);
    if (!holds && !loses) continue;
    const givers = box.type === "said" ? []
      : inputsOf(box, ends).filter((one) => one.holds.includes(fact.index));
    const isGuess = !givers.length && last !== null && box.type !== "said";
    for (const from of isGuess ? [last] : givers) {
      lines.push({ fact: fact.index, from, to: box, isGuess, path: line(from, box, fact.index, rail) });
    }
    lines.push({ fact: fact.index, to: box, isEnd: loses, stub: [rail(box.lane, fact.index), box.x, box.middle] });
    if (holds) last = box;
  }
  return lines;
}

function line(from, to, index, rail) {
  const [x1, y1] = [rail(from.lane, index), from.middle];
  const [x2, y2] = [rail(to.lane, index), to.middle];
  if (x1 === x2) return `M${x1} ${y1}V${y2}`;
  const bend = from.y + from.height + GAP / 2;
  return `M${x1} ${y1}V${bend - 5}Q${x1} ${bend} ${x1 + Math.sign(x2 - x1) * 5} ${bend}` +
    `H${x2 - Math.sign(x2 - x1) * 5}Q${x2} ${bend} ${x2} ${bend + 5}V${y2}`;
}

/** Plain edges: where no thread tells the same already. */
function edges(boxes, ends, threads) {
  const told = new Set(threads.filter((line) => line.path).map((line) => `${line.from.id} ${line.to.id}`));
  return boxes.flatMap((box) => {
    const from = inputsOf(box, ends);
    return from.filter((one) => one.type !== "said" && !told.has(`${one.id} ${box.id}`)).map((one) => ({
      from: one, to: box, isFan: from.length > MAX_FAN,
      path: curve(one.x + one.width / 2, one.y + one.height, box.x + box.width / 2, box.y),
    }));
  });
}

function curve(x1, y1, x2, y2) {
  const reach = Math.min(40, (y2 - y1) / 2);
  return `M${x1} ${y1}C${x1} ${y1 + reach} ${x2} ${y2 - reach} ${x2} ${y2}`;
}
