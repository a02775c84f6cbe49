// A lineage as SVG. In: what `layout` found. Out: an <svg> whose boxes are links.

import { h, svg } from "./dom.js";
import { fitting } from "./fitting.js";
import { to } from "./route.js";
import { duration, letter, short } from "./words.js";

/** What an operation sent is less of a news than what it made. */
const SENT = ["request", "prompt", "store"];
const DATE = /^\[[^\]]{1,40}\]\s*/;
const TITLES = {
  conversation: "Conversation", memory: "Memory", retrieval: "Retrieval", context: "Context",
  answer: "Answer", judge: "Judge",
};

/** The heads of the lanes, which stay in sight while the drawing scrolls. */
export function heads(plan, zoom) {
  const place = h("div", { class: "lane-heads", "aria-hidden": "true" },
    plan.lanes.map((lane) => {
      const head = h("span", {}, TITLES[lane.name] ?? lane.name);
      head.style.left = `${lane.x * zoom}px`;
      head.style.width = `${lane.width * zoom}px`;
      return head;
    }));
  place.style.width = `${plan.width * zoom}px`;
  return place;
}

/** The drawing. `click(box, event)` may take a click over by preventing its default. */
export function drawn(plan, { variables, selected, zoom, click, isPicked }) {
  const label = "Operations behind the answer, in order of time from top to bottom";
  const around = svg("g", { class: "edges" }, plan.edges.map((edge) =>
    svg("path", { d: edge.path, class: edge.isFan ? "edge fan" : "edge", "data-from": edge.from.id, "data-to": edge.to.id })));
  const picture = svg("svg", {
    class: "lineage", role: "group", "aria-label": label, viewBox: `0 0 ${plan.width} ${plan.height}`,
    width: plan.width * zoom, height: plan.height * zoom,
  },
  plan.lanes.map((lane, index) => svg("rect", {
    x: lane.x, y: 0, width: lane.width, height: plan.height, class: `lane ${index % 2 ? "odd" : "even"}`,
  })),
  around,
  svg("g", { class: "threads" }, plan.threads.map(thread)),
  svg("g", { class: "axis", "aria-hidden": "true" }, plan.boxes.filter((box) => box.row).map((box) =>
    svg("text", { x: 40, y: box.middle + 4 }, String(box.row.nodes[0].seq)))),
  plan.boxes.map((box) => boxed(box, variables, { selected, click, isPicked, around })));
  return picture;
}

function thread(line) {
  const colour = `fact-line fact-${line.fact % 8}`;
  if (line.path) return svg("path", { d: line.path, class: `${colour}${line.isGuess ? " guess" : ""}` });
  const [x, to, y] = line.stub;
  if (!line.isEnd) {
    return svg("g", { class: colour }, svg("path", { d: `M${x} ${y}H${to}` }), svg("circle", { cx: x, cy: y, r: 3.2 }));
  }
  const arm = 3.4;
  return svg("g", { class: `${colour} death`, "data-death": line.to.id },
    svg("circle", { cx: x, cy: y, r: 5.8, class: "halo" }),
    svg("path", { d: `M${x - arm} ${y - arm}L${x + arm} ${y + arm}M${x + arm} ${y - arm}L${x - arm} ${y + arm}` }));
}

function boxed(box, variables, { selected, click, isPicked, around }) {
  const isSaid = box.type === "said";
  const node = isSaid ? null : box.row.nodes[0];
  const isOn = isSaid ? selected.var === box.id : selected.op === node.id;
  const classes = ["box", box.type, node?.blamed && "blamed", box.loses.length && "loses",
    node && node.status !== "ok" && "failed", isOn && "selected", box.row?.isFolded && "folded",
    node && isPicked(node.id) && "picked"].filter(Boolean).join(" ");
  const title = isSaid ? `${box.name ?? box.id}` : node.name;
  const times = box.row && box.row.times > 1 ? ` ×${box.row.times}` : "";
  const below = isSaid ? box.text.replace(DATE, "") : excerpt(node, variables, box.row);
  const held = box.holds.map(letter).join(" ");
  const side = short(held, 12);
  const room = Math.max(10, box.width - 14);
  const marks = `${times}${node && isPicked(node.id) ? " ☑" : ""}`;
  const link = svg("a", {
    class: classes, ...to(isSaid ? { var: box.id } : { op: node.id }), "data-node": box.id,
    "aria-label": spoken(box, node, title, times), "aria-current": isOn ? "true" : null,
    on: {
      click: (event) => click(box, event),
      mouseenter: () => light(around, box.id, true), mouseleave: () => light(around, box.id, false),
      focus: () => light(around, box.id, true), blur: () => light(around, box.id, false),
    },
  },
  svg("title", {}, spoken(box, node, title, times)),
  svg("rect", { x: box.x, y: box.y, width: box.width, height: box.height, rx: isSaid ? 12 : 4 }),
  svg("svg", { x: box.x + 7, y: box.y, width: room, height: box.height },
    svg("text", { x: 0, y: 17, class: "name" },
      fitting(title, room - 8 * side.length - 8 * marks.length, "600 12.5px"),
      svg("tspan", { class: "times" }, times),
      node && isPicked(node.id) ? svg("tspan", { class: "pick" }, " ☑") : null),
    svg("text", { x: room, y: 17, class: "held", "text-anchor": "end" }, side),
    svg("text", { x: 0, y: 33, class: "below" }, fitting(below, room)),
    box.loses.length ? svg("text", { x: 0, y: 52, class: "lost" }, `✗ ${box.loses.map(letter).join(", ")} ${box.loses.length > 1 ? "die" : "dies"} here`) : null));
  return link;
}

function light(around, id, isOn) {
  for (const edge of around.children) {
    if (edge.dataset.from === id || edge.dataset.to === id) edge.classList.toggle("lit", isOn);
  }
}

function excerpt(node, variables, row) {
  if (row.isFolded) return `${row.nodes[0].id} … ${row.nodes.at(-1).id}; click to unfold`;
  const made = Object.values(node.outputs).flat().map((id) => variables[id]).filter((one) => one?.text);
  const told = made.find((one) => !SENT.includes(one.kind)) ?? made[0];
  return told ? told.text.replace(DATE, "") : node.id;
}

function spoken(box, node, title, times) {
  const held = box.holds.length ? `, holds ${box.holds.map(letter).join(", ")}` : "";
  if (!node) return `said in ${title}${held}`;
  const lost = box.loses.length ? `, loses ${box.loses.map(letter).join(", ")}` : "";
  const failed = node.status === "ok" ? "" : `, ${node.status}`;
  const long = node.ms === null || node.ms === undefined ? "" : `, ${duration(node.ms)}`;
  return `${title}${times}, ${node.kind}, ${node.id}${held}${lost}${node.blamed ? ", blamed" : ""}${failed}${long}`;
}
