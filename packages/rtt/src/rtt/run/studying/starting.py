"""What all arms of one seed start from, and what they learn from: made once, kept in the study.

In: the configuration of a study. Out: a policy to load, in the form of an ordinary checkpoint, and
recorded responses for SFT and DPO. What exists is taken as it is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from lmcommon.app import Run
from lmcommon.llm.weights import quiet_loading
from rtt.engine.settings import AutoRolloutsSettings
from rtt.policy.pretrained import PretrainedPolicy
from rtt.policy.tiny import PolicySource, TinyPolicy
from rtt.relevance.config import SpanSource
from rtt.run.rollout import RolloutConfig, rollout
from rtt.run.studying.alone import alone_in
from rtt.run.studying.plan import StudyConfig
from rtt.tasks.base import SketchingTask
from rtt.train.warm import WarmStart

__all__ = ["NO_WARM_START", "recorded", "start_of"]

NO_WARM_START = WarmStart(steps=0)
"""Of an arm: its start has had it."""


def start_of(config: StudyConfig, seed: int, folder: Path) -> PolicySource:
    """What every arm of a seed starts from.

    A policy that exists already starts as it is. A tiny one is made, and warmed up where the task
    can write responses for it, once a seed.

    Args:
        config: Of the study.
        seed: Of the arms.
        folder: Of all arms of this seed.
    """
    if not isinstance(config.policy, TinyPolicy):
        source: PolicySource = config.policy
        return source
    place = folder / "start"
    if not place.exists():
        policy = config.policy.build(getattr(config.task, "tokens", ()), seed=seed)
        if isinstance(config.task, SketchingTask):
            config.warm_start.run(policy, config.task, seed=seed)
        _whole(place, lambda part: _save(policy, part))
    return PretrainedPolicy(path=str(place))


def recorded(config: StudyConfig, seed: int, start: PolicySource, folder: Path, run: Run) -> Path:
    """Responses of the start to training prompts, judged: a folder that rtt-baseline reads.

    A killed recording goes on where it stopped; one that another job is at is waited for. `run` is
    the study's; one without a folder belongs to another process than the first.
    """
    place, done = folder / "recorded", folder / "recorded" / "done"
    with alone_in(place) if run.is_kept else nullcontext():
        if done.exists():
            return place
        asked = RolloutConfig(
            seed=seed, task=config.task, policy=start,
            sampler=config.sampler or AutoRolloutsSettings(), verdicts=config.verdicts,
            judge_llm=config.judge_llm, relevance=SpanSource(), split="train",
            prompts=config.record.prompts, samples=config.record.samples,
            max_tokens=config.record.max_tokens, warm_start=replace(NO_WARM_START), batch=128,
            threads=config.threads,
        )  # fmt: skip
        rollout(asked, Run(place, seed=seed) if run.is_kept else run)
        if run.is_kept:
            done.touch()
    return place


def _save(policy: Any, folder: Path) -> None:
    import transformers

    with quiet_loading(transformers):
        policy.model.save_pretrained(folder)
        policy.tokenizer.save_pretrained(folder)


def _whole(place: Path, write: Callable[[Path], None]) -> None:
    """Write a folder all or nothing; one that another process has finished first is kept."""
    part = place.with_name(f".{place.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    write(part)
    try:
        part.rename(place)
    except OSError:
        shutil.rmtree(part)
        if not place.exists():
            raise
