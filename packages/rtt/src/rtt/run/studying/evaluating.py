"""The columns of a trained arm: its task's held-out prompts, and benchmarks by rtt-evaluate.

In: the configuration of a study and an arm's folder with a finished training run. Out: columns of
counts by prompt. A killed evaluation goes on; another choice of benchmarks gets a folder of its
own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from lmcommon.app import Run
from rtt.engine.settings import AutoRolloutsSettings
from rtt.evaluate.answers import Item
from rtt.evaluate.benchmarks import BENCHMARKS, Benchmark
from rtt.policy.pretrained import PretrainedPolicy
from rtt.policy.tiny import PolicySource
from rtt.records import rollouts_in
from rtt.run.evaluate import evaluate
from rtt.run.evaluation_report import read_items
from rtt.run.judging import open_scorer
from rtt.run.policies import open_sampler
from rtt.run.studying.measuring import measure
from rtt.run.studying.plan import StudyConfig
from rtt.run.studying.results import Column
from rtt.run.studying.settings import measured_with
from rtt.train.local.checkpoint import find_checkpoint

__all__ = ["benchmark_columns", "columns_of_arm", "is_percent"]


def columns_of_arm(
    config: StudyConfig, start: PolicySource, seed: int, folder: Path
) -> tuple[dict[str, Column], int]:
    """All columns of an arm, and how many verdicts could not be had.

    Args:
        config: Of the study.
        start: What the arm was trained from.
        seed: Of the arm, and so of the draws.
        folder: Of the arm.
    """
    policy, checkpoint = _last(start, folder / "training")
    given: dict[str, Any] = {
        "seed": seed, "policy": policy, "checkpoint": checkpoint, "task": config.task,
        "sampler": config.sampler or AutoRolloutsSettings(), "verdicts": config.verdicts,
        "judge_llm": config.judge_llm, "threads": config.threads,
    }  # fmt: skip
    columns: dict[str, Column] = {}
    missing = 0
    if config.measure.prompts:
        wanted = config.measure
        asked = config.evaluate.of_arm(**given, sampling=wanted.sampling)
        with (
            closing(
                open_sampler(asked, None, max_tokens=config.task.max_tokens, row_budget=1024)
            ) as sampler,
            open_scorer(config.verdicts, config.judge_llm, folder) as scorer,
        ):
            columns, missing = measure(
                sampler, config.task, scorer.verdicts, prompts=wanted.prompts,
                samples=wanted.samples, sampling=wanted.sampling, seed=seed,
            )  # fmt: skip
    if names := config.evaluate.benchmarks:
        told = json.dumps(measured_with(config), sort_keys=True).encode()
        run = Run(folder / f"evaluation-{hashlib.sha256(told).hexdigest()[:8]}", seed=seed)
        evaluate(config.evaluate.of_arm(**given), run)
        found = read_items(rollouts_in(run.folder), [BENCHMARKS[name].has_loose for name in names])
        for name, items in zip(names, found, strict=True):
            columns |= benchmark_columns(BENCHMARKS[name], items)
            missing += sum(len(answer.failures) for item in items for answer in item.answers)
    return columns, missing


def benchmark_columns(benchmark: Benchmark, items: Sequence[Item]) -> dict[str, Column]:
    """The columns of a benchmark, its prompts in the order of their ids."""
    columns = {}
    for column in benchmark.columns:
        units = sorted(column.units(items), key=lambda unit: unit.key)
        columns[f"{benchmark.name}/{column.name}"] = Column(
            prompts=tuple(unit.key for unit in units),
            hits=tuple(sum(count.hits for count in unit.samples) for unit in units),
            counts=tuple(float(sum(count.of for count in unit.samples)) for unit in units),
        )
    return columns


def is_percent(column: str) -> bool:
    """Whether a column is a share, to be shown in percent; a grade or a level is not."""
    name, _, figure = column.partition("/")
    found = BENCHMARKS[name].columns if name in BENCHMARKS else ()
    told = next((one for one in found if one.name == figure), None)
    return told is None or told.is_share or told.is_clipped


def _last(start: PolicySource, folder: Path) -> tuple[PolicySource, str | None]:
    """The policy that a training run left behind, and the checkpoint to put into it; its start
    where nothing was trained.
    """
    if find_checkpoint(folder / "checkpoint.pt") is not None:
        return start, str(folder)
    if not (folder / "trl").exists():
        return start, None
    from rtt.train.trl.resume import last_checkpoint

    assert isinstance(start, PretrainedPolicy), start
    return replace(start, path=str(last_checkpoint(folder / "trl"))), None
