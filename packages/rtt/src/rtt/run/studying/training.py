"""One arm: train it, or take what is there, and measure it.

In: the configuration of a study, an arm, a seed. Out: an `ArmResult` in the arm's folder. Training
goes through the verbs' own functions (rtt-train with any of its engines, rtt-baseline), so that a
killed arm goes on as a killed run does.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from lmcommon.app import Run
from lmcommon.errors import UserError
from lmcommon.runlog import finite, write_atomic
from rtt.policy.tiny import PolicySource
from rtt.relevance.config import DiscriminatorSource
from rtt.run.baseline import BaselineConfig, baseline
from rtt.run.studying.alone import alone_in
from rtt.run.studying.arms import Arm
from rtt.run.studying.evaluating import columns_of_arm
from rtt.run.studying.plan import StudyConfig
from rtt.run.studying.results import ArmResult, Column, result_in, write_result
from rtt.run.studying.settings import check_settings, measured_with, settings_of
from rtt.run.studying.starting import NO_WARM_START, recorded, start_of
from rtt.run.train import TrainConfig, train
from rtt.run.verl_engine import VerlEngine

__all__ = ["Place", "relevance_of", "run_arm"]

_TRAINED = "trained.json"
_LATE = "late_all_satisfied"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one arm of one seed lies. Example: `Place(Path("study/tiny/8301"), "rtt_aon")`."""

    shared: Path
    """Of all arms of this seed."""
    arm: str

    @property
    def folder(self) -> Path:
        """Of the arm."""
        return self.shared / self.arm


def relevance_of(config: StudyConfig, arm: Arm) -> Any:
    """Settings of what weighs the arm's tokens.

    Raises:
        UserError: It needs a discriminator that the study was not given.
    """
    if arm.judge is None:
        return arm.relevance or config.relevance
    folder = getattr(config, arm.judge)
    if not folder:
        raise UserError(
            f"{arm.judge}: expected the folder of a trained discriminator for the arm {arm.name}; "
            f"got nothing; give {arm.judge}=FOLDER (rtt-discriminator makes one)"
        )
    return DiscriminatorSource(folder=folder)


def run_arm(config: StudyConfig, arm: Arm, seed: int, place: Place, run: Run) -> ArmResult | None:
    """Train and measure an arm; one that has a result is read, and one that another job is at is
    waited for.

    Args:
        config: Of the study.
        arm: What to run.
        seed: Of the arm.
        place: Where.
        run: Of the study; one without a folder belongs to another process than the first.

    Returns:
        The result; None where only training was asked for, or in another process.
    """
    relevance = relevance_of(config, arm)
    if run.is_kept:
        check_settings(place.folder, settings_of(config, arm, relevance))
    if (done := _finished(config, place)) is not None:
        return done
    with alone_in(place.folder) if run.is_kept else nullcontext():
        return _finished(config, place) or _made(config, arm, relevance, seed, place, run)


def _finished(config: StudyConfig, place: Place) -> ArmResult | None:
    """The result that is there, if it was measured as it is wanted."""
    done = result_in(place.folder)
    if done is not None and (config.train_only or done.measured == measured_with(config)):
        return done
    return None


def _made(
    config: StudyConfig, arm: Arm, relevance: Any, seed: int, place: Place, run: Run
) -> ArmResult | None:
    torch.set_num_threads(config.threads)
    start = start_of(config, seed, place.shared)
    own = Run(place.folder / "training", seed=seed) if run.is_kept else run
    figures = _trained(config, arm, relevance, seed, start, place, own)
    if config.train_only or not run.is_kept:
        return None
    columns, missing = columns_of_arm(config, start, seed, place.folder)
    if isinstance(figures.get(_LATE), float):
        columns[f"training/{_LATE}"] = Column(prompts=(), hits=(figures[_LATE],), counts=(1.0,))
    result = ArmResult(
        model=config.model, arm=arm.name, seed=seed, columns=columns, unscored=missing,
        training=figures, measured=measured_with(config),
    )  # fmt: skip
    write_result(place.folder, result)
    return result


def _trained(
    config: StudyConfig, arm: Arm, relevance: Any, seed: int, start: PolicySource, place: Place,
    run: Run,
) -> dict[str, Any]:  # fmt: skip
    """Headline figures of the training run, which is made once."""
    done = place.folder / _TRAINED
    if done.exists():
        told: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
        return told
    if arm.kind == "base":
        figures: dict[str, Any] = {"method": "base", "seed": seed, "steps": 0}
    elif arm.kind == "rl":
        figures = train(_train_config(config, arm, relevance, seed, start), run)
    else:
        figures = baseline(_baseline_config(config, arm, seed, start, place, run), run)
    if run.is_kept:
        write_atomic(done, json.dumps(finite(figures)) + "\n")
    return figures


def _train_config(
    config: StudyConfig, arm: Arm, relevance: Any, seed: int, start: PolicySource
) -> TrainConfig:
    if isinstance(config.engine, VerlEngine):
        raise UserError(
            "engine: expected local or trl; got verl, which trains in a cluster of its own and "
            "leaves checkpoints in its own form; train with rtt-train and measure with rtt-evaluate"
        )
    return TrainConfig(
        seed=seed, task=config.task, policy=start, credit=arm.credit, relevance=relevance,
        verdicts=config.verdicts, judge_llm=config.judge_llm, engine=config.engine,
        sampler=config.sampler, warm_start=replace(NO_WARM_START), train=config.train,
        launch=config.launch, threads=config.threads,
    )  # fmt: skip


def _baseline_config(
    config: StudyConfig, arm: Arm, seed: int, start: PolicySource, place: Place, run: Run
) -> BaselineConfig:
    given = config.rollouts
    if given is None:
        given = str(recorded(config, seed, start, place.shared, run))
    return BaselineConfig(
        seed=seed, baseline=config.sft if arm.kind == "sft" else config.dpo,
        rollouts=given,
        rejected=config.rejected if arm.kind == "dpo" else None, task=config.task, policy=start,
        verdicts=config.verdicts, judge_llm=config.judge_llm, threads=config.threads,
    )  # fmt: skip
