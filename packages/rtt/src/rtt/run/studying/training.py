"""One arm: train it, or take what is there, and measure it.

In: the configuration of a study, an arm, a seed. Out: an `ArmResult` in the arm's folder. Training
goes through the verbs' own functions (rtt-train with any of its engines, rtt-baseline), so that a
killed arm goes on as a killed run does.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from lmcommon.app import Run
from lmcommon.errors import UserError
from lmcommon.runlog import finite, write_atomic
from rtt.engine.settings import AutoRolloutsSettings
from rtt.engine.weights import policy_weights
from rtt.policy.pretrained import PretrainedPolicy
from rtt.policy.tiny import PolicySource
from rtt.relevance.config import DiscriminatorSource
from rtt.run.baseline import BaselineConfig, baseline
from rtt.run.judging import open_scorer
from rtt.run.studying.arms import Arm
from rtt.run.studying.measuring import measure
from rtt.run.studying.plan import StudyConfig
from rtt.run.studying.results import ArmResult, Column, result_in, write_result
from rtt.run.studying.settings import check_settings, settings_of
from rtt.run.studying.starting import NO_WARM_START, recorded, start_of
from rtt.run.train import TrainConfig, train
from rtt.run.verl_engine import VerlEngine
from rtt.train.local.checkpoint import find_checkpoint, load_checkpoint

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
    """Train and measure an arm; one that has a result is read.

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
    if (done := result_in(place.folder)) is not None:
        return done
    torch.set_num_threads(config.threads)
    start = start_of(config, seed, place.shared)
    own = Run(place.folder / "training", seed=seed) if run.is_kept else run
    figures = _trained(config, arm, relevance, seed, start, place, own)
    if config.train_only or not run.is_kept:
        return None
    columns, missing = _measured(config, start, seed, place)
    if isinstance(figures.get(_LATE), float):
        columns[f"training/{_LATE}"] = Column(prompts=(), hits=(figures[_LATE],), counts=(1.0,))
    result = ArmResult(
        model=config.model, arm=arm.name, seed=seed, columns=columns, unscored=missing,
        training=figures,
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


def _measured(
    config: StudyConfig, start: PolicySource, seed: int, place: Place
) -> tuple[dict[str, Column], int]:
    """The arm's last weights on the held-out prompts."""
    wanted = config.measure
    if not wanted.prompts:
        return {}, 0
    policy = _last(start, seed, place.folder / "training")
    sampler = (config.sampler or AutoRolloutsSettings()).build(
        policy, max_tokens=config.task.max_tokens, sampling=wanted.sampling, row_budget=1024,
        seed=seed,
    )  # fmt: skip
    with (
        closing(sampler),
        open_scorer(config.verdicts, config.judge_llm, place.folder) as scorer,
    ):
        sampler.update(policy_weights(policy), version=0)
        return measure(
            sampler, config.task, scorer.verdicts, prompts=wanted.prompts, samples=wanted.samples,
            sampling=wanted.sampling, seed=seed,
        )  # fmt: skip


def _last(start: PolicySource, seed: int, folder: Path) -> Any:
    """The policy that a training run left behind; its start where nothing was trained."""
    checkpoint = find_checkpoint(folder / "checkpoint.pt")
    if checkpoint is not None:
        policy = start.build((), seed=seed)
        load_checkpoint(checkpoint, policy, torch.optim.AdamW(policy.model.parameters()))
    elif (folder / "trl").exists():
        from rtt.train.trl.resume import last_checkpoint

        assert isinstance(start, PretrainedPolicy), start
        policy = replace(start, path=str(last_checkpoint(folder / "trl"))).load()
    else:
        policy = start.build((), seed=seed)
    if torch.cuda.is_available():
        policy.model.to("cuda")
    return policy
