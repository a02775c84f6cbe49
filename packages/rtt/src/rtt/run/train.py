"""The verb rtt-train: train one policy with one credit scheme and one seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any

from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from rtt.engine.settings import AutoRolloutsSettings
from rtt.run.hints import noise_hint
from rtt.run.identity import check_inputs, inputs_of
from rtt.run.judging import open_scorer, spent_in
from rtt.run.launching import Launch
from rtt.run.method import Job, Result, curve, run_job, steps_to
from rtt.run.schemas import GROUPS
from rtt.run.trl_engine import TrlEngine
from rtt.run.verl_engine import VerlEngine
from rtt.train.bootstrap import mean_interval
from rtt.train.local.settings import TrainSettings
from rtt.train.scoring import Scorer
from rtt.train.warm import WarmStart
from rtt.verdicts.config import NoVerdicts

__all__ = ["TrainConfig", "main", "train"]


@dataclass(kw_only=True)
class TrainConfig:
    """Configuration of rtt-train."""

    seed: int = 0
    task: Any = None
    policy: Any = None
    credit: Any = None
    relevance: Any = None
    verdicts: Any = None
    judge_llm: Any = None
    """What judges where verdicts=hybrid finds no program: llm@judge_llm=openai and its keys."""
    engine: Any = None
    sampler: Any = None
    """What samples for engine=local; the other engines have engine.rollouts."""
    warm_start: WarmStart = field(default_factory=WarmStart)
    train: TrainSettings = field(default_factory=TrainSettings)
    launch: Launch = field(default_factory=Launch)
    """What the run is meant to be started on; rtt-plan reads it, a run does not."""
    threads: int = 1
    """Torch threads; more than one gains little on a model this small."""
    threshold: float = 0.2
    """All-satisfied rate whose first crossing is reported."""


def train(config: TrainConfig, run: Run) -> dict[str, Any]:
    """Train a policy with token-level rubric credit and evaluate it on held-out prompts."""
    if isinstance(config.verdicts, NoVerdicts):
        raise UserError(
            "verdicts: expected program or hybrid to train with; got none, which decides nothing; "
            "rtt-rollout verdicts=none records responses, rtt-score judges them later"
        )
    _refuse_ignored(config)
    check_inputs(run, inputs_of(config.relevance))
    hint = noise_hint(config.relevance, config.credit)
    if hint and run.is_kept:
        run.console.print(hint, markup=False, highlight=False, soft_wrap=True)
    if isinstance(config.engine, VerlEngine):  # it scores in workers of its own
        from rtt.run.train_verl import train_with_verl

        return train_with_verl(config, run)
    if isinstance(config.engine, TrlEngine):
        return _train_with_trl(config, run)
    with config.engine.processes() as ranks:
        folder = ranks.same(run.folder)
        with open_scorer(
            config.verdicts, config.judge_llm, folder, processes=ranks.world
        ) as scorer:
            result = run_job(_job(config, folder, scorer), progress=run.progress, run=run)
    if not run.is_kept:  # one of several processes, and not the one that writes
        return {}
    low, high = mean_interval(result.per_prompt)
    figures = {
        "method": result.label,
        "seed": result.seed,
        "steps": result.steps,
        "base_all_satisfied": result.base_all_satisfied,
        "all_satisfied": result.all_satisfied,
        "all_satisfied_95": [low, high],
        "late_all_satisfied": result.late_all_satisfied,
        "satisfied_rate": result.satisfied_rate,
        "steps_to_threshold": steps_to(curve(run.read("metrics")), config.threshold),
        "unscored": result.unscored,
        "cpu_s": round(result.cpu_s, 1),
        "tokens_per_s": round(result.tokens_per_s),
        **spent_in(run.folder),
    }
    run.report(_report(result, low, high))
    return figures


def _refuse_ignored(config: TrainConfig) -> None:
    """Refuse a sampler that was chosen for an engine which brings its own."""
    name = {TrlEngine: "trl", VerlEngine: "verl"}.get(type(config.engine))
    if name is not None and not isinstance(config.sampler, (AutoRolloutsSettings, NoneType)):
        raise UserError(
            f"sampler: expected nothing with engine={name}, whose engine.rollouts says what "
            f"samples; got {type(config.sampler).__name__}; use engine.rollouts, or engine=local"
        )


def _train_with_trl(config: TrainConfig, run: Run) -> dict[str, Any]:
    from rtt.run.train_trl import run_folder, train_with_trl

    folder, processes = run_folder(run, config.engine)
    with open_scorer(config.verdicts, config.judge_llm, folder, processes=processes) as scorer:
        figures = train_with_trl(config, run, scorer=scorer)
    return {**figures, **spent_in(folder)} if run.is_kept else {}


def _job(config: TrainConfig, folder: Path, scorer: Scorer) -> Job:
    return Job(
        seed=config.seed,
        task=config.task,
        policy=config.policy,
        warm_start=config.warm_start,
        credit=config.credit,
        scorer=scorer,
        relevance=config.relevance,
        train=config.train,
        engine=config.engine,
        sampler=config.sampler,
        folder=folder,
        threads=config.threads,
    )


def _report(result: Result, low: float, high: float) -> str:
    return (
        f"# {result.label}, seed {result.seed}\n\n"
        f"After {result.steps} steps, {result.all_satisfied:.1%} of the responses to held-out "
        f"prompts satisfy every criterion (95 % interval over prompts {low:.1%} to {high:.1%}); "
        f"before, {result.base_all_satisfied:.1%}. "
        f"{result.satisfied_rate:.1%} of the criteria are satisfied. "
        f"Unscored: {result.unscored}.\n"
    )


main = entrypoint("rtt/train", TrainConfig, train, groups=GROUPS, spans_processes=True)

if __name__ == "__main__":
    main()
