// Price, replay and result. In: the changes of `drafts`, the question looked at. Out: a card each.

import { get, part, post } from "./api.js";
import { button, fill, h } from "./dom.js";
import { changes } from "./drafts.js";
import { failure, said, settled, tell, verdict, waiting } from "./parts.js";
import { link } from "./route.js";
import { count, money } from "./words.js";

const POLL_MS = 300;

/** The right side of the what-if. */
export function effect({ session, refreshSession }) {
  const price = h("section", { class: "card", "aria-label": "Price", "aria-live": "polite" });
  const result = h("section", { class: "card result", "aria-label": "Result", "aria-live": "polite", hidden: true });
  let row = null;
  let alive = true;
  let turn = 0;
  let isRunning = false;
  const only = h("input", { type: "checkbox", checked: true, on: { change: () => priced() } });
  const onlyField = h("label", { class: "check" }, only, " only this question");
  const element = h("div", {}, price, result);
  draw(h("p", { class: "dim" }, "Told as soon as something is changed."));

  function body() {
    const all = changes().map((one) => one.intervention);
    const scoped = row && only.checked && row.scope;
    return {
      interventions: all,
      questions: scoped && row.question_id ? [row.question_id] : [],
      scopes: scoped ? [row.scope] : [],
    };
  }

  const priced = settled(async () => {
    const mine = ++turn;
    if (!changes().length || !session.can?.replay) return draw(h("p", { class: "dim" }, "Told as soon as something is changed."));
    draw(waiting("Asking for the price"));
    try {
      const told = await post("replay/price", body());
      if (mine === turn && alive) draw(priceOf(told), true);
    } catch (error) {
      if (mine === turn && alive) draw(failure(error, priced));
    }
    return undefined;
  }, 350);

  function draw(content, isReady = false) {
    const may = session.can?.replay;
    fill(price, h("h2", {}, "Price"), content,
      h("p", { class: "bar tight" },
        may ? button("Replay", run, { class: "primary", id: "replay", disabled: !isReady || isRunning })
          : h("span", { class: "dim" }, "To see the price and to replay, start with ", h("code", {}, `memtrace-view ${session.path.split("/").pop()} replay=true`)),
        row ? onlyField : null));
  }

  async function run() {
    isRunning = true;
    result.hidden = false;
    const bar = h("progress", { "aria-label": "Replay" });
    const told = h("span", { class: "dim" }, "starting");
    fill(result, h("h2", {}, "Replay"), h("p", { class: "bar tight" }, bar, told));
    document.getElementById("replay")?.setAttribute("disabled", "");
    try {
      const { job } = await post("replay", body());
      const done = await finished(job, bar, told);
      if (!alive) return;
      await refreshSession();
      fill(result, resultOf(done, row));
      tell("The replay is done.");
    } catch (error) {
      if (alive) fill(result, h("h2", {}, "Replay"), failure(error, run));
    } finally {
      isRunning = false;
      if (alive && changes().length) document.getElementById("replay")?.removeAttribute("disabled");
    }
  }

  async function finished(job, bar, told) {
    for (;;) {
      const state = await get(`jobs/${part(job)}`);
      if (state.state === "failed") throw new Error(state.error ?? "the replay failed");
      if (state.state === "done") return state.result;
      if (state.total) {
        bar.max = state.total;
        bar.value = state.done ?? 0;
        fill(told, `${state.done ?? 0} of ${state.total}`);
      } else fill(told, "running");
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      if (!alive) throw new Error("left");
    }
  }

  return {
    element,
    priced,
    about(next) {
      row = next;
      if (changes().length) priced();
      else draw(h("p", { class: "dim" }, "Told as soon as something is changed."));
    },
    unmount() { alive = false; },
  };
}

function priceOf(told) {
  const unapplied = told.unapplied ?? [];
  return [
    h("p", { class: "price" }, h("strong", {}, count(told.calls, "model call")),
      told.at_most > told.calls ? ` (at most ${told.at_most})` : "", h("span", { class: "dim" }, ` · ${count(told.recorded, "recorded reply", "recorded replies")} used again`)),
    h("p", { class: "dim" }, `about ${(told.prompt_tokens ?? 0).toLocaleString("en")} + ${(told.completion_tokens ?? 0).toLocaleString("en")} tokens · cost ${money(told.cost_usd)}`),
    (told.missing ?? 0) > 0 ? h("p", { class: "warn" }, `⚠ ${count(told.missing, "call")} cannot be answered without a model; start with llm=...`) : null,
    (told.warnings ?? []).map((one) => h("p", { class: "warn" }, "⚠ ", said(one))),
    unapplied.length ? h("p", { class: "warn" }, `⚠ ${count(unapplied.length, "change")} would never come to pass in this run`) : null,
  ];
}

function resultOf(done, row) {
  const all = done.changes ?? [];
  const own = row && all.find((one) => one.question === row.question_id || one.question === row.question);
  const rest = all.filter((one) => one !== own);
  return [
    h("h2", {}, "Result"),
    row ? beforeAfter(own ?? null, row) : null,
    row && rest.length ? h("h3", {}, "Other questions that changed") : null,
    rest.length ? h("ul", { class: "changes" }, rest.map(changed)) : row ? null : h("p", {}, "No answer changed."),
    h("p", { class: "dim" }, `${count(done.calls, "model call")} made${done.seconds === undefined ? "" : `, ${done.seconds.toFixed(1)} s`}`),
    incomplete(done),
    (done.warnings ?? []).map((one) => h("p", { class: "warn" }, "⚠ ", said(one))),
    h("p", {}, h("a", { class: "button", href: link("compare", { compare: done.key, both: "yes" }) }, "Open beside this run")),
  ];
}

function incomplete(done) {
  return [
    done.missing ? h("p", { class: "warn" }, `⚠ ${count(done.missing, "call")} could not be made: no model, or the budget was spent`) : null,
    done.unapplied.length ? h("p", { class: "warn" }, `⚠ ${count(done.unapplied.length, "change")} never came to pass`) : null,
  ];
}

function beforeAfter(own, row) {
  const was = { text: own ? own.before : row.prediction, verdict: own ? word(own.was_right) : row.verdict };
  const is = own ? { text: own.after, verdict: word(own.is_right) } : was;
  const side = (title, one, id) => h("div", { class: "side", id }, h("span", { class: "label" }, title),
    said(one.text ?? "no answer", { class: "prediction" }), verdict(one.verdict));
  return h("div", {},
    h("div", { class: "before-after" }, side("before", was, "before"), h("span", { class: "arrow", "aria-hidden": "true" }, "→"), side("after", is, "after")),
    own ? null : h("p", { class: "dim" }, "This answer stayed as it was."));
}

function changed(one) {
  return h("li", {}, said(one.text ?? one.question, { class: "title" }), h("br"),
    said(one.before ?? "no answer"), " ", verdict(word(one.was_right)), " → ", said(one.after ?? "no answer"), " ", verdict(word(one.is_right)));
}

function word(isRight) {
  return isRight === null || isRight === undefined ? "unscored" : isRight ? "right" : "wrong";
}
