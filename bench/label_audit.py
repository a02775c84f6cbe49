"""How many of LoCoMo's known wrong gold answers does the validity gate flag?

Task, fixed beforehand: the questions of categories 1 to 4 of the conversations in FILE, and the
label audit in AUDIT (dial481/locomo-audit). A question is *faulty* if the audit has it with a fault
that changes scores; a wrong citation alone is not counted as faulty, nor as sound: it is left out.
The gate sees question, gold answer, cited turns and a prediction. Three variants:

  answered   faulty: the audit's right answer; sound: a wrong answer (the gold answer of another
             question of the conversation and category, drawn with seed 0)
  abstained  "I do not know." everywhere: the evidence alone
  gold       the gold answer itself everywhere: any flag is a false alarm

Metric: precision and recall of the verdict Annotation error, with 95 % Wilson intervals. With
`--model` the bundled SmolLM2 is asked whether gold answer and prediction follow from the cited
turns where the program cannot tell, on a random subsample (`--sample` faulty and twice as many
sound ones, seed 0), since it takes seconds a question on a CPU.

    python bench/label_audit.py FILE AUDIT
    python bench/label_audit.py FILE AUDIT --model --sample 20
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import memtrace
from lmcommon.data import load_conversations
from lmcommon.data.types import Conversation, Question
from lmcommon.judge.agreement import wilson_interval
from lmcommon.llm import LocalModel, Sampling
from memtrace.attribution import Question as Asked
from memtrace.attribution import TraceReader, ValidityStage, Verdict, examine
from memtrace.attribution.second_opinion import EvidenceJudge
from memtrace.memory.rendering import lines_of

UPSTREAM = (26, 30, 41, 42, 43, 44, 47, 48, 49, 50)
"""Conversations of the whole set, in its order: what question ids of the audit count."""
SEED = 0


@dataclass(frozen=True)
class Item:
    """A question with what the audit says of it."""

    conversation: Conversation
    question: Question
    fault: str
    """Kind of the fault; empty: sound."""
    right: str
    """What would be right, if it is faulty."""


def items_of(rows: Sequence[Conversation], audit: Sequence[dict[str, str]]) -> list[Item]:
    """All audited questions but those with a wrong citation alone."""
    found = {}
    for entry in audit:
        _, number, _place = entry["question_id"].split("_")
        found[f"conv-{UPSTREAM[int(number)]}", entry["question"]] = entry
    items = []
    for row in rows:
        for question in row.questions:
            if question.answer is None or question.category in ("5", "adversarial"):
                continue
            entry = found.get((row.id, question.text))
            fault = "" if entry is None else entry["error_type"]
            if fault == "WRONG_CITATION":
                continue
            items.append(Item(row, question, fault, entry["correct_answer"] if entry else ""))
    return items


def prediction_of(item: Item, variant: str, rng: random.Random) -> str:
    """What the gate is shown as the system's answer."""
    gold = str(item.question.answer)
    if variant == "gold":
        return gold
    if variant == "abstained":
        return "I do not know."
    if item.fault:
        return item.right
    others = [
        str(q.answer) for q in item.conversation.questions
        if q.answer is not None and q.category == item.question.category and str(q.answer) != gold
    ]  # fmt: skip
    return rng.choice(others)


def verdicts(items: Sequence[Item], variant: str, stage: ValidityStage) -> list[Verdict]:
    """The gate's verdict on each, in order."""
    rng = random.Random(SEED)
    found: dict[int, Verdict] = {}
    by_row: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        by_row.setdefault(item.conversation.id, []).append(place)
    predictions = [prediction_of(item, variant, rng) for item in items]
    for places in by_row.values():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "t.db"
            answers = recorded(path, [items[p] for p in places], [predictions[p] for p in places])
            with memtrace.open(path) as trace:
                reader = TraceReader(trace)
                for place, answer in zip(places, answers, strict=True):
                    question = items[place].question
                    asked = Asked(
                        answer=answer, gold=str(question.answer), evidence=question.evidence,
                        text=question.text, judged=False,
                    )  # fmt: skip
                    found[place] = examine(reader, asked, [stage]).verdict
    return [found[place] for place in range(len(items))]


def recorded(path: Path, items: Sequence[Item], predictions: Sequence[str]) -> list[str]:
    """A trace of the messages and the answers; gives the answers' ids."""
    ids = []
    with memtrace.record(path):
        messages = [
            memtrace.variable(line.dated, kind="message", name=line.turn)
            for session in items[0].conversation.sessions
            for line in lines_of(session)
        ]
        with memtrace.step("read", kind="update", inputs={"messages": messages}) as op:
            window = op.output("window", "all of it", kind="memory_item", item="window")
        for prediction in predictions:
            with memtrace.step("answer", kind="answer", inputs={"window": window}) as op:
                ids.append(op.output("answer", prediction, kind="answer").id)
    assert all(ids)
    return [identifier for identifier in ids if identifier]


def report(name: str, items: Sequence[Item], found: Sequence[Verdict]) -> None:
    """One line of figures, and what was found by kind of fault."""
    flagged = [verdict is Verdict.ANNOTATION for verdict in found]
    hits = sum(flag and bool(item.fault) for flag, item in zip(flagged, items, strict=True))
    faulty = sum(bool(item.fault) for item in items)

    def rate(part: int, whole: int) -> str:
        low, high = wilson_interval(part, whole)
        share = part / whole if whole else float("nan")
        return f"{part}/{whole} = {share:.1%} [{low:.1%}, {high:.1%}]"

    kinds = Counter(item.fault for item in items if item.fault)
    caught = Counter(
        item.fault for item, flag in zip(items, flagged, strict=True) if flag and item.fault
    )
    print(
        f"{name}: precision {rate(hits, sum(flagged))}, recall {rate(hits, faulty)}, "
        f"false alarms {rate(sum(flagged) - hits, len(items) - faulty)}; "
        + ", ".join(f"{kind.lower()} {caught[kind]}/{kinds[kind]}" for kind in sorted(kinds)),
        flush=True,
    )


def main() -> None:
    """Measure the variants."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("locomo", type=Path)
    parser.add_argument("audit", type=Path)
    parser.add_argument("--model", action="store_true")
    parser.add_argument("--sample", type=int, default=20)
    chosen = parser.parse_args()
    rows = load_conversations("locomo", chosen.locomo)
    items = items_of(rows, json.loads(chosen.audit.read_text()))
    if not chosen.model:
        for variant in ("answered", "abstained", "gold"):
            report(variant, items, verdicts(items, variant, ValidityStage()))
        return
    rng = random.Random(SEED)
    faulty = rng.sample([item for item in items if item.fault], chosen.sample)
    sound = rng.sample([item for item in items if not item.fault], 2 * chosen.sample)
    model = LocalModel()
    judge = EvidenceJudge(model, sampling=Sampling(max_tokens=64))
    for name, stage in (
        ("subsample, program alone", ValidityStage()),
        ("subsample, with SmolLM2", ValidityStage(evidence=judge)),
    ):
        started = time.perf_counter()
        report(name, faulty + sound, verdicts(faulty + sound, "answered", stage))
        print(f"  {(time.perf_counter() - started) / len(faulty + sound):.2f} s a question")
    model.close()


if __name__ == "__main__":
    main()
