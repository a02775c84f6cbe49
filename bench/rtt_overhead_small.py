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
import hashlib
import json
import os
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import tokenizers
import torch
import transformers

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


class Turns:
    """Lets one thread at a time take one step, in a fixed order."""

    def __init__(self, names: Sequence[str], rounds: int) -> None:
        rows = [list(names) if number % 2 == 0 else list(names)[::-1] for number in range(rounds)]
        self._order = [name for row in rows for name in row]
        self._place, self._failed = 0, False
        self._change = threading.Condition()

    def wait(self, name: str) -> None:
        with self._change:
            self._change.wait_for(lambda: self._failed or self._order[self._place] == name)
            if self._failed:
                raise SystemExit("another arm failed")

    def done(self, *, failed: bool = False) -> None:
        with self._change:
            self._place, self._failed = self._place + 1, self._failed or failed
            self._change.notify_all()


@dataclass
class Step:
    """What one arm spent on one step, in CPU seconds, and on which responses."""

    seconds: float = 0.0
    phases: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    responses: str = ""
    tokens: int = 0


class Stepping(transformers.TrainerCallback):  # type: ignore[misc]
    """A turn lasts from the beginning of a step to that of the next: logging counts too."""

    def __init__(self, name: str, turns: Turns) -> None:
        self.name, self.turns = name, turns
        self.steps: list[Step] = []

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._close()
        self.turns.wait(self.name)
        torch.manual_seed(state.global_step)
        self.steps.append(Step())
        self.began = time.process_time()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self._close()

    def _close(self) -> None:
        if self.steps:
            self.steps[-1].seconds = time.process_time() - self.began
            self.turns.done()


class Timed:
    """Splits a step of any trainer by phase."""

    stepping: Stepping
    _inner = 0.0

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        outside, self._inner = self._inner, 0.0
        began = time.process_time()
        try:
            yield
        finally:
            spent = time.process_time() - began
            self.stepping.steps[-1].phases[name] += spent - self._inner
            self._inner = outside + spent

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        with self._phase("rollout"):
            return super()._generate(*args, **kwargs)  # type: ignore[misc]

    def _calculate_rewards(
        self, inputs: Any, prompts: Any, completions: Any, ids: list[list[int]]
    ) -> Any:
        step = self.stepping.steps[-1]
        step.responses = hashlib.sha256(json.dumps(ids).encode()).hexdigest()
        step.tokens = sum(map(len, ids))
        with self._phase("checks"):
            return super()._calculate_rewards(  # type: ignore[misc]
                inputs, prompts, completions, ids
            )

    def _generate_and_score_completions(self, *args: Any, **kwargs: Any) -> Any:
        with self._phase("credit"):
            return super()._generate_and_score_completions(  # type: ignore[misc]
                *args, **kwargs
            )


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


def take_turns(trainers: dict[str, Any], turns: Turns) -> None:
    failures: list[BaseException] = []

    def work(train: Callable[[], Any]) -> None:
        try:
            train()
        except BaseException as failure:
            failures.append(failure)
            turns.done(failed=True)

    threads = [threading.Thread(target=work, args=(one.train,)) for one in trainers.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


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
