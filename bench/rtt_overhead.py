"""What token credit costs: a step of TRL's GRPOTrainer beside one of RTTTrainer, in one run.

    python bench/rtt_overhead.py [--policy bundled:smollm2] [--prompts 2] [--samples 4]
        [--tokens 24] [--rounds 4] [--variants grpo spans kernel discriminator]

The variants take turns, one step each a round, in another order every round. The learning rate is
0 and every step begins with the same seed in all variants, so they sample the same responses: what
differs is what is done with them. `grpo` checks its rewards as a user of plain TRL would, without
offsets or relevances. `spans` has token credit from deciding spans through TRL's own kernel, so it
differs in the credit alone; `kernel` is the same through our kernel; `discriminator` asks a network
with a tenth of the policy's parameters that are no embeddings. CPU seconds of one thread count;
wall seconds are printed beside. The ratio is the mean over rounds with its 95 % interval.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from transformers import PrinterCallback, TrainerCallback, set_seed
from transformers import logging as transformers_logging

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric
from lmcommon.rng import random_for
from lmcommon.stats import mean_interval
from rtt.credit import aggregate
from rtt.discriminator.model import TokenDiscriminator
from rtt.policy import Policy, PretrainedPolicy
from rtt.relevance import DiscriminatorRelevance
from rtt.train.scoring import Scorer
from rtt.train.trl import RTTConfig, RTTTrainer, rubric_dataset
from rtt.train.trl.dataset import RUBRIC_COLUMN, read_rubric_prompt
from rtt.train.trl.installed import GRPOTrainer
from rtt.verdicts import JudgedVerdicts

VARIANTS = ("grpo", "spans", "kernel", "discriminator")
_TOPICS = ("the sea", "a small town", "bread", "an old clock", "rain", "two friends", "a garden")


def prompts(count: int) -> list[RubricPrompt]:
    """Short tasks with three program-checked criteria that a response can meet by luck."""
    made = []
    for number in range(count):
        topic = _TOPICS[number % len(_TOPICS)]
        word = random_for(0, "word", number).choice(("and", "is", "with", "of"))
        made.append(RubricPrompt(
            id=f"p{number}",
            prompt=f"Write two sentences about {topic}. Use no comma, use the word '{word}', and "
                   "do not use the word 'the'.",
            rubric=Rubric((
                Criterion(id="a", text="No comma is used.", constraint_id="punctuation:no_comma"),
                Criterion(id="b", text=f"The word '{word}' occurs.",
                          constraint_id="keywords:existence", kwargs={"keywords": [word]}),
                Criterion(id="c", text="The word 'the' does not occur.",
                          constraint_id="keywords:forbidden_words",
                          kwargs={"forbidden_words": ["the"]}),
            )),
        ))  # fmt: skip
    return made


class PlainReward:
    """What a user of plain TRL would write: check the text, return the satisfied rate."""

    def __init__(self) -> None:
        self.__name__ = "rubric"

    def __call__(self, *, completions: Sequence[Any], **columns: Any) -> list[float]:
        rows = [
            (read_rubric_prompt(text), completion[0]["content"])
            for text, completion in zip(columns[RUBRIC_COLUMN], completions, strict=True)
        ]
        told = JudgedVerdicts().verdicts(rows)
        verdict_BR = [[float(bool(one.satisfied)) for one in verdicts] for verdicts in told]
        return [float(value) for value in aggregate(verdict_BR, "csr")]


class Seeded(TrainerCallback):  # type: ignore[misc]
    """The same draws in every variant; CPU and wall seconds of the step."""

    def __init__(self) -> None:
        self.seed, self.cpu_s, self.wall_s = 0, 0.0, 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        set_seed(self.seed)
        self.cpu_s, self.wall_s = -time.process_time(), -time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.cpu_s += time.process_time()
        self.wall_s += time.perf_counter()


def discriminator(policy: Policy) -> TokenDiscriminator:
    """A Llama over the policy's tokenizer with a tenth of its non-embedding parameters."""
    from transformers import LlamaConfig, LlamaForTokenClassification

    body = policy.parameters - policy.model.get_input_embeddings().weight.numel()
    hidden = max(64, round((body / 10 / 120) ** (1 / 3) / 64) * 64 or 64)
    layer = 4 * hidden**2 + 3 * hidden * 3 * hidden
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlamaForTokenClassification(LlamaConfig(
            vocab_size=len(policy.tokenizer), hidden_size=hidden, intermediate_size=3 * hidden,
            num_hidden_layers=max(1, round(body / 10 / layer)), num_attention_heads=hidden // 64,
            num_key_value_heads=hidden // 64, max_position_embeddings=2048, num_labels=1,
            pad_token_id=policy.tokenizer.pad_token_id,
        ))  # fmt: skip
    return TokenDiscriminator(model.eval(), policy.tokenizer)


def trainer(variant: str, given: argparse.Namespace, folder: Path) -> tuple[Any, Seeded, float]:
    """A trainer with its own policy, its clock, and how much smaller its discriminator is."""
    policy, clock, share = PretrainedPolicy(path=given.policy, chat=True).load(), Seeded(), 0.0
    rows = given.prompts * given.samples
    args = RTTConfig(
        output_dir=str(folder / variant), use_cpu=True, bf16=False, gradient_checkpointing=False,
        report_to=[], disable_tqdm=True, logging_steps=1, save_strategy="no", learning_rate=0.0,
        max_steps=1, per_device_train_batch_size=rows, num_generations=given.samples,
        max_completion_length=given.tokens, shuffle_dataset=False, lr_scheduler_type="constant",
        credit={"reward": "csr"}, token_kernel="chunked" if variant == "kernel" else "trl",
    )  # fmt: skip
    common: dict[str, Any] = {
        "args": args, "processing_class": policy.tokenizer, "callbacks": [clock]
    }  # fmt: skip
    asked = prompts(given.prompts)
    if variant == "grpo":
        made = GRPOTrainer(
            policy.model, [PlainReward()], train_dataset=rubric_dataset(asked), **common
        )
    else:
        scorer = Scorer()
        if variant == "discriminator":
            judge = discriminator(policy)
            whole = sum(one.numel() for one in judge.model.parameters())
            share = whole - judge.model.get_input_embeddings().weight.numel()
            share /= policy.parameters - policy.model.get_input_embeddings().weight.numel()
            relevance = DiscriminatorRelevance(discriminator=judge, remember_mb=0)
            scorer = Scorer(relevance=relevance)
        made = RTTTrainer(policy.model, asked, scorer=scorer, **common)
    made.remove_callback(PrinterCallback)
    return made, clock, share


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """CPU and wall seconds of each variant's steps, one entry a round."""
    cpu: dict[str, list[float]] = {name: [] for name in given.variants}
    wall: dict[str, list[float]] = {name: [] for name in given.variants}
    timed: dict[str, list[float]] = {name: [] for name in given.variants}
    shares, tokens = {}, set()
    with tempfile.TemporaryDirectory(prefix="rtt-overhead-") as scratch:
        made = {}
        for name in given.variants:
            made[name], clock, shares[name] = trainer(name, given, Path(scratch))
            made[name] = (made[name], clock)
        for number in range(given.rounds + 1):  # the first round warms up
            order = list(given.variants)
            random_for(0, "order", number).shuffle(order)
            counts = set()
            for name in order:
                one, clock = made[name]
                clock.seed = 1000 + number
                one.train()
                row = one.state.log_history[0]
                counts.add(row["completions/mean_length"])
                if not number:
                    continue
                cpu[name].append(clock.cpu_s)
                wall[name].append(clock.wall_s)
                if "rtt/credit_s" in row:
                    extra = row["rtt/credit_s"] + row["rtt/relevance_s"]
                    timed[name].append(extra / clock.wall_s)
            assert len(counts) == 1, f"the variants sampled different responses: {counts}"
            tokens |= counts
    return {
        "cpu": cpu,
        "wall": wall,
        "timed": timed,
        "shares": shares,
        "length": sum(tokens) / len(tokens),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policy", default="bundled:smollm2")
    parser.add_argument("--prompts", type=int, default=2)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    told = measure(given)
    print(
        f"{given.policy}, {given.prompts} prompts x {given.samples} samples x up to "
        f"{given.tokens} tokens (mean {told['length']:.0f}), {given.threads} thread, "
        f"{given.rounds} rounds\n"
    )
    print("| step of | CPU s | wall s | CPU time beside plain GRPO (95 %) | credit + relevance |")
    print("|---|---|---|---|---|")
    figures = {}
    for name in given.variants:
        ratios = [a / b for a, b in zip(told["cpu"][name], told["cpu"]["grpo"], strict=True)]
        low, high = mean_interval(ratios, seed=0)
        mean = sum(ratios) / len(ratios)
        share = told["timed"][name]
        shown = f"{sum(share) / len(share):.2%} of the step" if share else "-"
        size = f" ({told['shares'][name]:.3f} of the policy)" if told["shares"][name] else ""
        print(
            f"| {name}{size} | {_mean(told['cpu'][name]):.2f} | {_mean(told['wall'][name]):.2f} "
            f"| {mean:.3f} [{low:.3f}, {high:.3f}] | {shown} |"
        )
        figures[name] = {"ratio": mean, "low": low, "high": high,
                         "timed_share": _mean(share) if share else None}  # fmt: skip
    print(json.dumps(figures))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


if __name__ == "__main__":
    main()
