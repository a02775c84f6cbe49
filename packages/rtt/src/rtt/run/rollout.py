"""The verb rtt-rollout: responses to prompts, scored criterion by criterion, kept as records.

A policy samples them, or a file holds them (the outputs of any model). Out come `rollouts.jsonl`
(or Parquet) for rtt-show and a report: satisfied by kind with intervals, unscored, lengths, tokens
per second. Several processes share the prompts; what they write is what one would.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import torch

from lmcommon.app import Run, entrypoint
from lmcommon.data.config import PROMPT_SCHEMAS
from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.rng import seed_for
from rtt.engine.base import RolloutEngine
from rtt.engine.drawing import Sampling
from rtt.engine.given import Given, cut_words, load_tokenizer, read_given, tokens_by
from rtt.records import records_of
from rtt.records.parts import FORMATS, check_format
from rtt.relevance.policy_scores import PolicyScores
from rtt.run.identity import check_inputs, inputs_of
from rtt.run.joining import joined
from rtt.run.judging import open_scorer
from rtt.run.policies import open_sampler, weights_of
from rtt.run.rollout_report import conclude
from rtt.run.schemas import GROUPS
from rtt.run.sharing import Batch, SharedRun
from rtt.train.clock import Clock
from rtt.train.overlap import Overlap
from rtt.train.ranks import failed_verdicts
from rtt.train.scoring import Scorer
from rtt.train.warm import WarmStart
from rtt.types import Group

__all__ = ["RolloutConfig", "main", "rollout"]

_TOKENS = 256


@dataclass(kw_only=True)
class RolloutConfig:
    """Configuration of rtt-rollout."""

    seed: int = 0
    task: Any = None
    data: Any = None
    """A set of prompts instead of the task: data=ifeval data.path=FILE."""
    policy: Any = None
    sampler: Any = None
    """What samples: transformers, vllm, vllm_server or auto."""
    verdicts: Any = None
    judge_llm: Any = None
    """What judges where verdicts=hybrid finds no program: llm@judge_llm=openai and its keys."""
    relevance: Any = None
    """What says how much each token decides a criterion."""
    responses: str | None = None
    """A file of given responses instead of a policy: rows with response, and prompt or id."""
    tokenizer: str | None = None
    """Of given responses: a folder, a hub id or bundled:smollm2; null: whitespace words."""
    split: str = "heldout"
    """Of the task: train or heldout."""
    prompts: int = 64
    """Prompts of the task."""
    samples: int = 4
    """Sampled responses a prompt."""
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int = 0
    """Of a sampled response; 0: the task's own, or 256 for a data set."""
    checkpoint: str | None = None
    """A run folder of rtt-train, for its last weights; null: those the policy comes with, or a
    warm start."""
    warm_start: WarmStart = field(default_factory=WarmStart)
    batch: int = 16
    """Prompts at once: what a kill loses at most, in each process."""
    format: str = "jsonl"
    """Of the file at the end: jsonl or parquet (needs rtt-llm[parquet])."""
    threads: int = 1

    def __post_init__(self) -> None:
        if self.split not in ("train", "heldout"):
            raise UserError(f"split: expected train or heldout; got {self.split!r}")
        if self.format not in FORMATS:
            raise UserError(f"format: expected one of {', '.join(FORMATS)}; got {self.format!r}")
        for key in ("prompts", "samples", "batch", "threads"):
            if getattr(self, key) < 1:
                raise UserError(f"{key}: expected at least 1; got {getattr(self, key)!r}")
        if self.max_tokens < 0:
            raise UserError(f"max_tokens: expected 0 or more; got {self.max_tokens}")
        if self.tokenizer is not None and self.responses is None:
            raise UserError("tokenizer: expected responses=FILE with it; a policy has its own")


def rollout(config: RolloutConfig, run: Run) -> dict[str, Any]:
    """Sample responses to prompts, or take given ones; score them and write rollouts.jsonl."""
    torch.set_num_threads(config.threads)
    check_format(config.format)
    with joined() as ranks:
        check_inputs(
            run,
            inputs_of(
                config.relevance, checkpoint=weights_of(config.checkpoint),
                responses=config.responses,
            ),
        )  # fmt: skip
        shared = SharedRun(run, ranks, form=config.format)
        prompts = _prompts(config)
        given = None if config.responses is None else _given(config, prompts)
        mine = shared.begin(_batches(config, prompts, given))
        with ExitStack() as opened:
            sampler = None
            if mine and given is None:
                task = config.task if config.data is None else None
                own = _TOKENS if task is None else task.max_tokens
                sampler = open_sampler(
                    config, task, max_tokens=config.max_tokens or own,
                    row_budget=config.batch * config.samples,
                )  # fmt: skip
                opened.enter_context(closing(sampler))
            ranks.barrier()  # a server that they share takes no weights while one draws from it
            if mine:
                scorer = opened.enter_context(_scorer(config, sampler, shared))
                for batch in run.progress(mine, "responses", total=len(mine)):
                    _take(shared, batch, config, scorer, sampler)
        file = shared.end()
        return conclude(config, run, given, shared, file) if shared.is_main else {}


def _prompts(config: RolloutConfig) -> list[RubricPrompt]:
    if config.data is not None:
        rows: list[RubricPrompt] = config.data.build()
        return rows
    return list(islice(config.task.prompts(config.split, config.seed), config.prompts))


def _given(config: RolloutConfig, prompts: Sequence[RubricPrompt]) -> Given:
    tokenizer = config.tokenizer
    cut = cut_words if tokenizer is None else tokens_by(load_tokenizer(tokenizer))
    return read_given(str(config.responses), prompts, cut)


def _batches(
    config: RolloutConfig, prompts: Sequence[RubricPrompt], given: Given | None
) -> list[Batch[Any]]:
    whole: Sequence[RubricPrompt] | Sequence[Group] = prompts if given is None else given.groups
    batches: list[Batch[Any]] = []
    for first in range(0, len(whole), config.batch):
        items = whole[first : first + config.batch]
        sizes = [len(one.rollouts) if isinstance(one, Group) else config.samples for one in items]
        places = tuple(
            (0, first + number, sample)
            for number, size in enumerate(sizes)
            for sample in range(size)
        )
        batches.append(Batch(number=len(batches), first=first, items=items, places=places))
    return batches


@contextmanager
def _scorer(
    config: RolloutConfig, sampler: RolloutEngine | None, shared: SharedRun
) -> Iterator[Scorer]:
    """Verdicts and relevances as configured; what judges is closed at the end."""
    scores = None if sampler is None else PolicyScores(policy=sampler.policy)
    relevance = config.relevance.build(scores)
    with open_scorer(
        config.verdicts, config.judge_llm, shared.folder, processes=shared.world
    ) as scorer:
        yield replace(scorer, relevance=relevance)


def _take(
    shared: SharedRun, batch: Batch[Any], config: RolloutConfig, scorer: Scorer,
    sampler: RolloutEngine | None,
) -> None:  # fmt: skip
    """Sample and score one batch; a prompt's draws depend on the seed and its place alone."""
    clock, first = Clock(), batch.first
    if sampler is None:
        groups = [one for one in batch.items if isinstance(one, Group)]
        clock.lap("sample")
        scored = scorer.score(groups)
    else:
        asked = [one for one in batch.items if isinstance(one, RubricPrompt)]
        with Overlap(scorer, asked, config.samples) as overlap:
            overlap.feed(
                sampler.stream(
                    asked, samples=config.samples, seed=seed_for(config.seed, "rollout"),
                    places=range(first, first + len(asked)),
                )
            )  # fmt: skip
            clock.lap("sample")
            scored = overlap.finish()
    clock.lap("score")
    records = [replace(one, group=first + one.group) for one in records_of(scored)]
    row = {
        "tokens": sum(len(one.scored.rollout.tokens) for one in records),
        **clock.seconds,
        "unscored_criteria": failed_verdicts(scored),
    }
    shared.add(batch, records, row)


main = entrypoint(
    "rtt/rollout", RolloutConfig, rollout,
    groups={
        **{key: GROUPS[key] for key in
           ("task", "policy", "sampler", "relevance", "verdicts", "llm")},
        "data": PROMPT_SCHEMAS,
    },
    spans_processes=True,
)  # fmt: skip

if __name__ == "__main__":
    main()
