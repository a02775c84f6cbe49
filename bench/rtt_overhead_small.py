"""What token credit adds to a GRPO step with responses of some length: a small policy, many steps.

    python bench/rtt_overhead_small.py [--steps 18] [--samples 8] [--tokens 128] [--json FILE]

`rtt_overhead.py` measures a real model on short responses; here 18 steps of 8 x 128 tokens give
narrower intervals, and each step is split by phase. Four trainers live in one process and take
turns step by step (forwards, then backwards), so that what disturbs the machine disturbs all.
Model, prompts and seeds are the same, the learning rate is 0, and so are the responses: the run
stops if they are not. Each is checked against four criteria, none of them global, so that the
discriminator reads every one. Times are CPU seconds of one thread; a ratio is that of two arms at
the same step, its interval a bootstrap one of the median. "added" is what was timed directly: the
median of checks and credit beyond those of plain GRPO, as a share of its step; the machine's noise
in rollout and update has no part in it. Policy and discriminator have random weights: time does
not depend on them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import tokenizers
import torch
import transformers
from taking_turns import Step, Stepping, Timed, Turns, take_turns

import lmcommon
from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric
from lmcommon.stats import bootstrap_interval
from rtt.discriminator import TokenDiscriminator
from rtt.relevance import DiscriminatorRelevance, SpanRelevance
from rtt.train.scoring import Scorer
from rtt.train.trl import RTTConfig, RTTTrainer
from rtt.train.trl.dataset import RUBRIC_COLUMN, read_rubric_prompt, rubric_dataset
from rtt.train.trl.installed import GRPOTrainer
from rtt.verdicts import JudgedVerdicts

ARMS = {
    "plain": "a  GRPOTrainer, the same checks as reward",
    "spans": "b  RTTTrainer, spans, TRL's log-probabilities",
    "kernel": "c  RTTTrainer, spans, our log-probabilities",
    "discriminator": "d  RTTTrainer, discriminator, TRL's log-probabilities",
}
PHASES = ("rollout", "checks", "credit", "update")
"""checks: verdicts, and relevances where there are any; credit: the rest of preparing a batch
(TRL's advantages and padding included); update: all else."""
REACH = {"spans": 1.03, "discriminator": 1.10}
WARM = 2

CHECKS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("punctuation:no_comma", {}, "Do not use any commas in your response."),
    ("keywords:existence", {"keywords": ["river", "stone"]}, "Include the words river and stone."),
    ("detectable_content:number_placeholders", {"num_placeholders": 2},
     "The response must contain at least 2 placeholders in square brackets, such as [address]."),
    ("keywords:forbidden_words", {"forbidden_words": ["very", "thing"]},
     "Do not use the words very and thing."),
    ("detectable_format:title", {}, "Give your answer a title in double angular brackets."),
    ("startend:end_checker", {"end_phrase": "That is all."},
     "Finish your response with the exact phrase That is all."),
    ("detectable_content:postscript", {"postscript_marker": "P.S."},
     "At the end of your response, please add a postscript starting with P.S."),
    ("startend:quotation", {}, "Wrap your entire response with double quotation marks."),
)  # fmt: skip
"""None is global: a discriminator has to read every one of them with every response."""
TASKS = ("Describe a walk", "Explain how bread is made", "Write a letter to a neighbour")


def prompts() -> list[RubricPrompt]:
    told = []
    for number in range(24):
        chosen = [CHECKS[(number + k * (1 + number % 3)) % len(CHECKS)] for k in range(4)]
        criteria = tuple(
            Criterion(id=f"c{k}", text=text, constraint_id=name, kwargs=kwargs)
            for k, (name, kwargs, text) in enumerate(chosen)
        )
        text = " ".join([f"{TASKS[number % len(TASKS)]}.", *(one.text for one in criteria)])
        told.append(RubricPrompt(id=f"p{number}", prompt=text, rubric=Rubric(criteria)))
    return told


def byte_pair_tokenizer(size: int) -> Any:
    """Trained on the sources of a package that is at hand: English and code."""
    core = tokenizers.Tokenizer(tokenizers.models.BPE())
    core.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = tokenizers.decoders.ByteLevel()
    files = sorted(Path(lmcommon.__file__).parent.rglob("*.py"))
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<pad>", "<end>"], show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    core.train_from_iterator((one.read_text(encoding="utf-8") for one in files), trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token="<end>",
        clean_up_tokenization_spaces=False,
    )  # fmt: skip


def llama(kind: str, tokenizer: Any, *, hidden: int, inner: int, layers: int, **more: Any) -> Any:
    torch.manual_seed(0)
    return getattr(transformers, f"LlamaFor{kind}")(transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=hidden, intermediate_size=inner,
        num_hidden_layers=layers, num_attention_heads=4, max_position_embeddings=1024,
        tie_word_embeddings=True, pad_token_id=0, eos_token_id=1, bos_token_id=None, **more,
    ))  # fmt: skip


def parameters(model: Any) -> int:
    return sum(one.numel() for one in model.parameters())


class PlainTrainer(Timed, GRPOTrainer):  # type: ignore[misc]
    pass


class TokenTrainer(Timed, RTTTrainer):
    pass


def satisfied_rate(*, completions: Sequence[str], **columns: Any) -> list[float]:
    """The reward of plain GRPO: what anyone would write with the same checks."""
    rubrics = [read_rubric_prompt(text) for text in columns[RUBRIC_COLUMN]]
    told = JudgedVerdicts().verdicts(list(zip(rubrics, completions, strict=True)))
    return [statistics.mean(bool(one.satisfied) for one in verdicts) for verdicts in told]


def build(
    name: str, arguments: argparse.Namespace, turns: Turns, discriminator: Any, tokenizer: Any
) -> Any:
    args = RTTConfig(
        output_dir=str(Path(arguments.folder, name)), max_steps=arguments.steps + WARM,
        per_device_train_batch_size=arguments.samples, num_generations=arguments.samples,
        max_completion_length=arguments.tokens, learning_rate=0.0, use_cpu=True, bf16=False,
        gradient_checkpointing=False, report_to=[], disable_tqdm=True, save_strategy="no",
        logging_strategy="no", shuffle_dataset=False, credit={"scheme": "intra", "reward": "csr"},
        token_kernel="chunked" if name == "kernel" else "trl",
    )  # fmt: skip
    policy = llama("CausalLM", tokenizer, hidden=320, inner=896, layers=8)
    stepping = Stepping(name, turns)
    told = {"args": args, "processing_class": tokenizer, "callbacks": [stepping]}
    if name == "plain":
        dataset = rubric_dataset(prompts(), chat=False)
        trainer: Any = PlainTrainer(policy, [satisfied_rate], train_dataset=dataset, **told)
    else:
        is_read = name == "discriminator"
        relevance = DiscriminatorRelevance(discriminator=discriminator)
        scorer = Scorer(relevance=relevance if is_read else SpanRelevance())
        trainer = TokenTrainer(policy, prompts(), scorer=scorer, chat=False, **told)
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.stepping = stepping
    return trainer


def table(steps: dict[str, list[Step]]) -> tuple[list[str], dict[str, Any]]:
    lines = [
        f"| arm | s a step | to a, by step [95 %] | reach | added | {' | '.join(PHASES)} |",
        f"|---|---|---|---|---|{'---|' * len(PHASES)}",
    ]
    figures: dict[str, Any] = {}
    for name, rows in steps.items():
        ratios = [a.seconds / b.seconds for a, b in zip(rows, steps["plain"], strict=True)]
        low, high = bootstrap_interval(ratios, statistics.median, seed=0)
        for row in rows:
            row.phases["update"] = row.seconds - sum(row.phases[one] for one in PHASES[:-1])
        phases = {one: statistics.median(row.phases[one] for row in rows) for one in PHASES}
        seconds = statistics.median(row.seconds for row in rows)
        figures[name] = {
            "seconds": seconds, "ratio": statistics.median(ratios), "interval": [low, high],
            "phases": phases, "by_step": [row.seconds for row in rows],
        }  # fmt: skip
        plain = figures["plain"]  # the first arm
        added = sum(phases[one] - plain["phases"][one] for one in ("checks", "credit"))
        figures[name]["added"] = added / plain["seconds"]
        lines.append(
            f"| {ARMS[name]} | {seconds:.3f} | {statistics.median(ratios):.3f} "
            f"[{low:.3f}, {high:.3f}] | {f'<= {REACH[name]:.2f}' if name in REACH else ''} "
            f"| {figures[name]['added']:.2%} "
            f"| {' | '.join(f'{phases[one]:.3f}' for one in PHASES)} |"
        )
    return lines, figures


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=18)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--json", type=Path, help="where to write the figures; else printed")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = byte_pair_tokenizer(4096)
    reader = llama("TokenClassification", tokenizer, hidden=104, inner=312, layers=6, num_labels=1)
    turns = Turns(list(ARMS), arguments.steps + WARM)
    with tempfile.TemporaryDirectory() as folder:
        arguments.folder = folder
        trainers = {
            name: build(name, arguments, turns, TokenDiscriminator(reader, tokenizer), tokenizer)
            for name in ARMS
        }
        take_turns(trainers, turns)
    steps = {name: one.stepping.steps[WARM:] for name, one in trainers.items()}
    seen = [{row.responses for row in rows} for rows in zip(*steps.values(), strict=True)]
    assert all(len(one) == 1 for one in seen), "the arms sampled different responses"
    assert all(one != two for one, two in pairwise(seen)), "a step repeated the last one's"
    policy, asked = parameters(trainers["plain"].model), trainers["discriminator"]._reward.scorer
    facts = {
        "policy_parameters": policy, "discriminator_parameters": parameters(reader),
        "tokens_a_step": statistics.mean(row.tokens for row in steps["plain"]),
        "pairs_asked": asked.relevance.asked, "items_skipped": asked.relevance.skipped,
        "torch": torch.__version__, "device": "CPU, one thread", "steps": arguments.steps,
    }  # fmt: skip
    lines, figures = table(steps)
    print(
        f"Policy {policy / 1e6:.1f} M parameters, discriminator {parameters(reader) / 1e6:.2f} M "
        f"({parameters(reader) / policy:.1%}); {arguments.samples} samples of {arguments.tokens} "
        f"tokens a step, 4 criteria, {asked.relevance.asked} pairs read in all; "
        f"{arguments.steps} steps after {WARM} to warm up; CPU seconds; responses equal in all "
        f"arms.\n",
        *lines, sep="\n",
    )  # fmt: skip
    told = json.dumps({**facts, "arms": figures})
    if arguments.json:
        arguments.json.write_text(told, encoding="utf-8")
    else:
        print(f"\n{told}")


if __name__ == "__main__":
    main()
