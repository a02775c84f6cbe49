"""`NormalizedAnswerJudge` on public data, where it is there: gold answers and graded answers."""

import gzip
import json
import random
from pathlib import Path
from typing import Any

from lmcommon.judge import AnswerItem, NormalizedAnswerJudge, compare_verdicts


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def _locomo_golds(shared_data: Path) -> list[str]:
    conversations = json.loads((shared_data / "locomo" / "locomo.dev.json").read_text("utf-8"))
    return [
        str(question["answer"])
        for conversation in conversations
        for question in conversation["qa"]
        if "answer" in question and question["category"] != 5
    ]


def test_every_gold_answer_gives_itself(shared_data: Path) -> None:
    golds = _locomo_golds(shared_data)
    items = [AnswerItem(question="", gold=gold, prediction=gold) for gold in golds]
    verdicts = NormalizedAnswerJudge(max_tokens=400).judge(items)
    assert [g for g, v in zip(golds, verdicts, strict=True) if not v.satisfied] == []


def test_answers_of_other_questions_are_refused(shared_data: Path) -> None:
    golds = _locomo_golds(shared_data)
    others = random.Random(0).sample(golds, len(golds))
    items = [
        AnswerItem(question="", gold=gold, prediction=other)
        for gold, other in zip(golds, others, strict=True)
        if gold.lower() != other.lower()
    ]
    accepted = sum(v.satisfied is True for v in NormalizedAnswerJudge().judge(items))
    assert accepted <= len(items) // 200, accepted


def test_it_agrees_with_a_large_judge_on_the_last_line_of_real_answers(shared_data: Path) -> None:
    """Measured: 0.88 of 877 (kappa 0.75); the labels are a model's, not truth."""
    runs = shared_data / "longmemeval" / "runs"
    failures = ("oracle_full_failures.jsonl.gz", "rag_userfact_failures.jsonl.gz")
    gold = {r["question_id"]: str(r["correct_answer"]) for f in failures for r in _lines(runs / f)}
    items, labels = [], []
    for name in ("oracle_answer_turns_only", "oracle_full", "rag_userfact"):
        for row in _lines(runs / f"{name}.judged.jsonl.gz"):
            key = row["question_id"]
            if key in gold:
                said = row["hypothesis"].strip().split("\n")[-1]
                answer = None if key.endswith("_abs") else gold[key]
                items.append(AnswerItem(question="", gold=answer, prediction=said))
                labels.append(row["autoeval_label"]["label"])
    verdicts = NormalizedAnswerJudge().judge(items)
    found = compare_verdicts([verdict.satisfied for verdict in verdicts], labels)
    assert found.kappa is not None
    assert (found.interval()[0] > 0.84, found.kappa > 0.7) == (True, True), found
    assert found.unscored <= 5
