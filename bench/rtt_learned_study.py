"""The registered end-to-end study of docs/experiments.md: a learned discriminator, words task.

    python bench/rtt_learned_study.py OUT_FOLDER [--seeds 8201 8202 8203 8204 8205]

Makes one discriminator from rule-made labels of responses to training prompts, measures it on
held-out prompts, then trains every arm with exact spans and with it; prints the tables. What is
finished in OUT_FOLDER is read, not run again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import torch

from lmcommon.app import Run, compose
from lmcommon.llm.weights import quiet_loading
from lmcommon.rng import random_for, seed_for
from lmcommon.runlog import write_atomic
from rtt.discriminator import (
    FitSettings,
    LabelledResponse,
    TinyDiscriminator,
    TokenDiscriminator,
    fit,
    span_examples,
)
from rtt.engine.sampler import Sampler
from rtt.policy import TinyPolicy
from rtt.policy.tiny import Policy
from rtt.run.study import main as verb
from rtt.run.study import study
from rtt.run.studying.plan import StudyConfig
from rtt.tasks import Split, WordsTask
from rtt.train import WarmStart
from rtt.verdicts import JudgedVerdicts

SEEDS = (8201, 8202, 8203, 8204, 8205)
DISCRIMINATOR_SEED = 8200
SKETCHED, SAMPLED = 2000, 1000
"""Training prompts answered by partly right responses, and by a warm-started policy."""
CARES = (0.1, 0.5, 0.9)
"""How hard a response tries to meet each criterion."""
FIT = FitSettings(steps=600, batch=64, learning_rate=3e-3, warmup=50)


def sketched(task: WordsTask, split: Split, count: int, seed: int) -> list[LabelledResponse]:
    """Rule-made labels of partly right responses."""
    random = random_for(seed, "sketch", split)
    pairs = [
        (prompt, task.sketch(prompt, random, care=random.choice(CARES)))
        for prompt in islice(task.prompts(split, seed_for(seed, "sketched")), count)
    ]
    told = JudgedVerdicts().verdicts(pairs)
    return span_examples([(*pair, verdicts) for pair, verdicts in zip(pairs, told, strict=True)])


def sampled(
    policy: Policy, task: WordsTask, split: Split, count: int, seed: int
) -> list[LabelledResponse]:
    """Rule-made labels of a policy's own responses, one a prompt."""
    prompts = list(islice(task.prompts(split, seed_for(seed, "sampled")), count))
    groups = Sampler(policy, task.max_tokens).sample(
        prompts, samples=1, seed=seed_for(seed, "sampled")
    )
    pairs = [(group.prompt, group.rollouts[0].text) for group in groups]
    told = JudgedVerdicts().verdicts(pairs)
    return span_examples([(*pair, verdicts) for pair, verdicts in zip(pairs, told, strict=True)])


def warm_policy(task: WordsTask, seed: int) -> Policy:
    """A warm-started policy of its own: none of those that are trained."""
    policy = TinyPolicy().build(task.tokens, seed=seed)
    WarmStart().run(policy, task, seed=seed)
    return policy


def make_discriminator(folder: Path, seed: int) -> None:
    """Train it once; the folder also holds its figures."""
    if (folder / "figures.json").exists():
        return
    began, task = time.process_time(), WordsTask()
    policy = warm_policy(task, seed)
    rows = [
        *sketched(task, "train", SKETCHED, seed), *sampled(policy, task, "train", SAMPLED, seed),
    ]  # fmt: skip
    texts = [text for row in rows for text in (row.criterion, row.response)]
    model = TinyDiscriminator().build(texts, seed=seed)
    losses = fit(model, rows, FIT, seed=seed)
    import transformers

    with quiet_loading(transformers):
        model.save(folder)
    figures = {
        "seed": seed, "labels": len(rows), "late_loss": sum(losses[-20:]) / 20,
        "parameters": sum(one.numel() for one in model.model.parameters()),
        "cpu_s": round(time.process_time() - began, 1),
        "sketched_f1": word_f1(model, sketched(task, "heldout", 500, seed + 1)),
        "sampled_f1": word_f1(model, sampled(policy, task, "heldout", 500, seed + 1)),
    }  # fmt: skip
    write_atomic(folder / "figures.json", json.dumps(figures) + "\n")


def word_f1(model: TokenDiscriminator, rows: Sequence[LabelledResponse]) -> dict[str, float]:
    """F1 over words at threshold 0.5, by kind of criterion."""
    told = model.relevances([(row.criterion, row.response) for row in rows])
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row, values in zip(rows, told, strict=True):
        place = 0
        for word in row.response.split():
            place = row.response.index(word, place)
            characters = slice(place, place + len(word))
            is_relevant = any(row.char_labels[characters])
            is_told = bool((values[characters] >= 0.5).any())
            found[row.kind][0] += 2 * (is_relevant and is_told)
            found[row.kind][1] += is_relevant
            found[row.kind][2] += is_told
            place += len(word)
    return {
        kind: round(twice / (relevant + marked), 4) if relevant + marked else float("nan")
        for kind, (twice, relevant, marked) in sorted(found.items())
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--discriminator-seed", type=int, default=DISCRIMINATOR_SEED)
    parser.add_argument("overrides", nargs="*", help="of rtt-study")
    arguments = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    folder: Path = arguments.folder
    discriminator = folder / "discriminator"
    folder.mkdir(parents=True, exist_ok=True)
    make_discriminator(discriminator, arguments.discriminator_seed)
    print((discriminator / "figures.json").read_text(encoding="utf-8"), end="")
    words = [
        "tables=[learned]", f"seeds={arguments.seeds}", "train.record_every=0",
        f"folder={folder / 'arms'}", f"discriminator={discriminator}", *arguments.overrides,
    ]  # fmt: skip
    config: StudyConfig = compose(verb.name, verb.schema, verb.groups, words)
    figures = study(config, Run(folder / "tables"))
    print((folder / "tables" / "tables.md").read_text(encoding="utf-8"))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
