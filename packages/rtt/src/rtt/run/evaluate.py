"""The verb rtt-evaluate: what a policy, or a file of responses, is worth on benchmarks.

In: one or more benchmarks, and a policy that samples or responses that are there. Out: records,
loose verdicts, verdict files in the references' format, `results.json` with all figures and
intervals, and a report. Several processes share the prompts; a killed run goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import torch

from lmcommon.app import Run, entrypoint
from lmcommon.data.types import RubricPrompt
from lmcommon.rng import seed_for
from rtt.engine.base import RolloutEngine
from rtt.engine.given import cut_words, load_tokenizer, tokens_by
from rtt.evaluate.loose import keep_loose, loose_of
from rtt.policy.tiny import TinyPolicy
from rtt.records import records_of
from rtt.records.parts import check_format
from rtt.run.evaluation_report import conclude
from rtt.run.evaluation_sets import EvaluationSet, files_of, open_set
from rtt.run.evaluation_settings import EvaluateConfig
from rtt.run.harness import HarnessFigure, run_harness
from rtt.run.identity import check_inputs
from rtt.run.joining import joined
from rtt.run.judging import open_scorer
from rtt.run.policies import open_policy, open_sampler, weights_of
from rtt.run.schemas import GROUPS
from rtt.run.sharing import Batch, SharedRun
from rtt.train.clock import Clock
from rtt.train.local.parallel import Alone
from rtt.train.overlap import Overlap
from rtt.train.ranks import failed_verdicts
from rtt.train.scoring import Scorer
from rtt.types import Group, ScoredGroup
from rtt.verdicts.config import LogprobVerdicts

__all__ = ["EvaluateConfig", "evaluate", "main"]


def evaluate(config: EvaluateConfig, run: Run) -> dict[str, Any]:
    """Sample or take responses, judge them, and count what they are worth."""
    torch.set_num_threads(config.threads)
    check_format(config.format)
    with joined() as ranks:
        check_inputs(run, _inputs(config))
        shared = SharedRun(run, ranks, form=config.format)
        sets = _sets(config)
        mine = shared.begin(_batches(config, sets))
        with ExitStack() as opened:
            sampler = None
            if any(sets[_number(batch)].given is None for batch in mine):
                sampler = opened.enter_context(closing(_sampler(config)))
            ranks.barrier()  # a server that they share takes no weights while one draws from it
            if mine:
                scorer = opened.enter_context(
                    open_scorer(
                        config.verdicts, config.judge_llm, shared.folder, processes=shared.world
                    )
                )
                for batch in run.progress(mine, "responses", total=len(mine)):
                    one = sets[_number(batch)]
                    _take(shared, ranks, batch, one, config, scorer, sampler)
            found = _harness(config, shared, sampler)
        file = shared.end()
        return conclude(config, run, sets, shared, file, found) if shared.is_main else {}


def _inputs(config: EvaluateConfig) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if (weights := weights_of(config.checkpoint)) is not None:
        found["checkpoint"] = weights
    for name in config.benchmarks:
        if (settings := config.set_of(name)) is not None:
            found.update(files_of(name, settings))
    return found


def _sets(config: EvaluateConfig) -> list[EvaluationSet]:
    spec = config.tokenizer
    tokens = cut_words if spec is None else tokens_by(load_tokenizer(spec))
    return [
        open_set(
            number, name, config.set_of(name), tokens,
            task=config.task, prompts=config.prompts, seed=config.seed,
        )
        for number, name in enumerate(config.benchmarks)
    ]  # fmt: skip


def _batches(config: EvaluateConfig, sets: Sequence[EvaluationSet]) -> list[Batch[Any]]:
    # A threshold is fitted on all verdicts at once.
    is_fitting = isinstance(config.verdicts, LogprobVerdicts) and config.verdicts.is_fitting
    whole = max((len(one.asked) for one in sets), default=1)
    size = whole if is_fitting else config.batch
    parts: Iterator[tuple[EvaluationSet, int]] = (
        (one, first) for one in sets for first in range(0, len(one.asked), size)
    )
    batches: list[Batch[Any]] = []
    for one, first in parts:
        items = one.asked[first : first + size]
        sizes = [len(it.rollouts) if isinstance(it, Group) else config.samples for it in items]
        places = tuple(
            (one.number, first + place, sample)
            for place, size in enumerate(sizes)
            for sample in range(size)
        )
        batches.append(Batch(number=len(batches), first=first, items=items, places=places))
    return batches


def _number(batch: Batch[Any]) -> int:
    """Of the set that a batch belongs to."""
    return batch.places[0][0]


def _sampler(config: EvaluateConfig) -> RolloutEngine:
    names = config.sampled
    is_tiny = isinstance(config.policy, TinyPolicy)  # which reads the words of its task alone
    task = config.task if names == ["task"] or ("task" in names and not is_tiny) else None
    return open_sampler(
        config, task, max_tokens=config.longest, row_budget=config.batch * config.samples,
    )  # fmt: skip


def _harness(
    config: EvaluateConfig, shared: SharedRun, sampler: RolloutEngine | None
) -> list[HarnessFigure]:
    """What the evaluation harness says; the first process asks it."""
    if not config.lm_eval.tasks or not shared.is_main:
        return []
    policy = open_policy(config, None) if sampler is None else sampler.policy
    return run_harness(config.lm_eval, policy, shared.folder, seed=config.seed)


def _take(
    shared: SharedRun, ranks: Alone, batch: Batch[Any], one: EvaluationSet, config: EvaluateConfig,
    scorer: Scorer, sampler: RolloutEngine | None,
) -> None:  # fmt: skip
    """Sample and judge one batch; a prompt's draws depend on seed, benchmark and place alone."""
    clock, first = Clock(), batch.first
    if one.given is not None:
        clock.lap("sample")
        scored = scorer.score([it for it in batch.items if isinstance(it, Group)])
    else:
        asked = [it for it in batch.items if isinstance(it, RubricPrompt)]
        if sampler is None:
            raise RuntimeError("expected a sampler for prompts without given responses")
        with Overlap(scorer, asked, config.samples) as overlap:
            overlap.feed(
                sampler.stream(
                    asked, samples=config.samples,
                    seed=seed_for(config.seed, "evaluate", one.benchmark.name),
                    places=range(first, first + len(asked)),
                )
            )  # fmt: skip
            clock.lap("sample")
            scored = overlap.finish()
    if one.benchmark.has_loose:
        keep_loose(shared.folder, ranks.rank, _loose(one, first, scored))
    clock.lap("score")
    records = [
        replace(record, step=one.number, group=first + record.group)
        for record in records_of(scored)
    ]
    row = {
        "benchmark": one.benchmark.name,
        "tokens": sum(len(record.scored.rollout.tokens) for record in records),
        **clock.seconds,
        "unscored_criteria": failed_verdicts(scored),
    }
    shared.add(batch, records, row)


def _loose(one: EvaluationSet, first: int, scored: Sequence[ScoredGroup]) -> dict[Any, Any]:
    return {
        (one.number, first + place, sample): loose_of(group.prompt, answer)
        for place, group in enumerate(scored)
        for sample, answer in enumerate(group.samples)
    }


main = entrypoint(
    "rtt/evaluate", EvaluateConfig, evaluate,
    groups={key: GROUPS[key] for key in ("task", "policy", "sampler", "verdicts", "llm")},
    spans_processes=True,
)  # fmt: skip

if __name__ == "__main__":
    main()
