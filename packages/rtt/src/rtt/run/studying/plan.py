"""What a study is told: the settings that all its arms share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from lmcommon.errors import UserError
from rtt.engine.drawing import Sampling
from rtt.run.evaluation_settings import EvaluateConfig
from rtt.run.launching import Launch
from rtt.run.studying.arms import TABLES, arms_of
from rtt.train.baselines.settings import DpoBaseline, SftBaseline
from rtt.train.local.settings import TrainSettings
from rtt.train.warm import WarmStart

__all__ = ["Benchmarks", "Measuring", "Recording", "StudyConfig"]


@dataclass(kw_only=True)
class Measuring:
    """How a trained arm is measured on the prompts that its task holds out."""

    prompts: int = 256
    """Held-out prompts of the task at most; 0: they are not asked."""
    samples: int = 4
    """Of each."""
    sampling: Sampling = field(default_factory=Sampling)

    def __post_init__(self) -> None:
        if self.prompts < 0 or self.samples < 1:
            raise UserError(
                "measure: expected prompts of 0 or more and samples above 0; got "
                f"{self.prompts!r}, {self.samples!r}"
            )


_OF_STUDY = ("task", "policy", "sampler", "verdicts", "judge_llm", "checkpoint")


@dataclass(kw_only=True)
class Benchmarks(EvaluateConfig):
    """Benchmarks that every trained arm is measured on besides, by rtt-evaluate.

    Example:
        `evaluate.benchmarks=[ifeval] evaluate.ifeval.path=FILE`, decoding as in the paper.
    """

    benchmarks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.benchmarks:
            super().__post_init__()
        if "task" in self.benchmarks:
            raise UserError(
                "evaluate.benchmarks: expected sets of prompts; got task, whose held-out prompts "
                "are measured by measure.prompts"
            )

    def of_arm(self, **given: Any) -> EvaluateConfig:
        """The configuration of rtt-evaluate for one arm.

        Raises:
            UserError: Something was set here that is the study's to say.
        """
        if set_here := [key for key in _OF_STUDY if getattr(self, key) is not None]:
            raise UserError(
                f"evaluate.{set_here[0]}: expected nothing; a study's own {set_here[0]} counts"
            )
        return replace(self, **given)


@dataclass(kw_only=True)
class Recording:
    """Responses that SFT and DPO learn from, where none are given: the policy's own."""

    prompts: int = 1024
    """Training prompts."""
    samples: int = 8
    """Of each."""
    max_tokens: int = 0
    """Of a response; 0: the task's own."""

    def __post_init__(self) -> None:
        if self.prompts < 1 or self.samples < 1:
            raise UserError(
                f"record: expected prompts and samples above 0; got {self.prompts}, {self.samples}"
            )


@dataclass(kw_only=True)
class StudyConfig:
    """Configuration of rtt-study."""

    tables: Any = ("main",)
    """Some of main, partition, relevance, beta, learned: all their arms."""
    arms: Any = ()
    """Further arms by name, such as rtt_aon."""
    seeds: Any = (0,)
    seed: int = 0
    """Of the run's own records; the arms take theirs from seeds."""
    model: str = ""
    """What the model is called in the tables; empty: by its path."""
    folder: str | None = None
    """Where the arms lie; several commands, or the jobs of a multirun, can share it. null: in the
    run's own folder."""
    train_only: bool = False
    """Leave the measuring to a later command (with a launcher, whose processes would wait)."""
    task: Any = None
    policy: Any = None
    relevance: Any = None
    """What weighs the tokens of the arms that have no source of their own."""
    discriminator: str = ""
    """Folder of a trained discriminator, for the arms learned and baseline_learned."""
    greedy: str = ""
    """Folder of one trained on greedy annotations, for the arm of that name."""
    verdicts: Any = None
    judge_llm: Any = None
    engine: Any = None
    sampler: Any = None
    warm_start: WarmStart = field(default_factory=WarmStart)
    train: TrainSettings = field(default_factory=TrainSettings)
    sft: SftBaseline = field(default_factory=SftBaseline)
    dpo: DpoBaseline = field(default_factory=DpoBaseline)
    rollouts: Any = None
    """For SFT and DPO: recorded responses (of a stronger model); null: the policy's own."""
    rejected: Any = None
    """For DPO: where the rejected responses come from; null: from rollouts too."""
    record: Recording = field(default_factory=Recording)
    measure: Measuring = field(default_factory=Measuring)
    evaluate: Benchmarks = field(default_factory=Benchmarks)
    launch: Launch = field(default_factory=Launch)
    threads: int = 1

    def __post_init__(self) -> None:
        self.tables, self.arms = _words(self.tables), _words(self.arms)
        seeds = self.seeds if isinstance(self.seeds, (list, tuple)) else [self.seeds]
        if any(isinstance(one, bool) or not isinstance(one, int) for one in seeds) or not seeds:
            raise UserError(f"seeds: expected whole numbers; got {self.seeds!r}")
        self.seeds = tuple(dict.fromkeys(seeds))
        if not arms_of(self.tables, self.arms):
            raise UserError(
                f"tables: expected some of {', '.join(TABLES)}, or arms=[...]; got neither"
            )


def _words(given: Any) -> tuple[str, ...]:
    """One name or a list of them; null: none."""
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)
