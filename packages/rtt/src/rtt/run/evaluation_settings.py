"""Settings of the verb rtt-evaluate, and what is refused before anything is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lmcommon.errors import UserError
from rtt.engine.drawing import Sampling
from rtt.evaluate.benchmarks import BENCHMARKS
from rtt.records.parts import FORMATS
from rtt.run.evaluation_sets import STORED, SetConfig, check_names
from rtt.run.harness import HarnessConfig
from rtt.train.warm import WarmStart
from rtt.verdicts.config import ProgramVerdicts

__all__ = ["EvaluateConfig"]

_SAMPLES = 5
_TOKENS = 2048
"""Of a sampled response, unless said otherwise."""


def _paper() -> Sampling:
    return Sampling(temperature=0.7, top_p=0.8, top_k=20)


@dataclass(kw_only=True)
class EvaluateConfig:
    """Configuration of rtt-evaluate."""

    seed: int = 0
    benchmarks: list[str] = field(default_factory=lambda: ["task"])
    """Which, in order: ifeval, ifbench, muldimif, advancedif, infobench, followbench, healthbench,
    writingbench, task."""
    ifeval: SetConfig = field(default_factory=SetConfig)
    ifbench: SetConfig = field(default_factory=SetConfig)
    muldimif: SetConfig = field(default_factory=SetConfig)
    advancedif: SetConfig = field(default_factory=SetConfig)
    infobench: SetConfig = field(default_factory=SetConfig)
    followbench: SetConfig = field(default_factory=SetConfig)
    healthbench: SetConfig = field(default_factory=SetConfig)
    writingbench: SetConfig = field(default_factory=SetConfig)
    task: Any = None
    """Whose held-out prompts are the benchmark `task`."""
    prompts: int = 64
    """Prompts of the task."""
    policy: Any = None
    sampler: Any = None
    """What samples: transformers, vllm, vllm_server or auto."""
    verdicts: Any = None
    judge_llm: Any = None
    """What judges where verdicts=hybrid finds no program: llm@judge_llm=openai and its keys."""
    agreement: bool = False
    """Compare the judge with the verdicts that come with the prompts' stored responses."""
    lm_eval: HarnessConfig = field(default_factory=HarnessConfig)
    """Tasks of EleutherAI's harness besides (benchmarks=[] for these alone)."""
    tokenizer: str | None = None
    """Of given responses: a folder, a hub id or bundled:smollm2; null: whitespace words."""
    samples: int = 0
    """Responses a prompt; 0: the paper's five, or one if greedy."""
    sampling: Sampling = field(default_factory=_paper)
    greedy: bool = False
    """The likeliest token each time, instead of `sampling`."""
    max_tokens: int = 0
    """Of a sampled response; 0: 2048, or the task's own if that is all."""
    checkpoint: str | None = None
    """A run folder of rtt-train, for its last weights; null: those the policy comes with, or a
    warm start."""
    warm_start: WarmStart = field(default_factory=WarmStart)
    batch: int = 16
    """Prompts at once: what a kill loses at most, in each process."""
    format: str = "jsonl"
    """Of the records at the end: jsonl or parquet (needs rtt-llm[parquet])."""
    threads: int = 1

    def __post_init__(self) -> None:
        if self.benchmarks or not self.lm_eval.tasks:
            check_names(self.benchmarks)
        if self.format not in FORMATS:
            raise UserError(f"format: expected one of {', '.join(FORMATS)}; got {self.format!r}")
        for key in ("prompts", "batch", "threads"):
            if getattr(self, key) < 1:
                raise UserError(f"{key}: expected at least 1; got {getattr(self, key)!r}")
        for key in ("samples", "max_tokens"):
            if getattr(self, key) < 0:
                raise UserError(f"{key}: expected 0 or more; got {getattr(self, key)!r}")
        if self.greedy and self.samples > 1:
            raise UserError(f"samples: expected 1 with greedy=true, got {self.samples}: all alike")
        if self.greedy:
            self.sampling = Sampling(temperature=1.0, top_p=1.0, top_k=1)
        self.samples = self.samples or (1 if self.greedy else _SAMPLES)
        _check_judge(self)

    @property
    def sampled(self) -> list[str]:
        """The benchmarks whose responses a policy samples."""
        sets = {name: self.set_of(name) for name in self.benchmarks}
        return [name for name, one in sets.items() if one is None or one.responses is None]

    @property
    def longest(self) -> int:
        """Most tokens of a sampled response."""
        own = self.task.max_tokens if self.sampled == ["task"] else _TOKENS
        return int(self.max_tokens or own)

    def set_of(self, name: str) -> SetConfig | None:
        """Settings of a benchmark's set; None for the task."""
        return None if name == "task" else getattr(self, name)


def _check_judge(config: EvaluateConfig) -> None:
    if getattr(config.verdicts, "mode", "strict") == "loose":
        raise UserError(
            "verdicts.mode: expected strict; got loose; where a benchmark has a loose reading it "
            "is taken besides the strict one"
        )
    judged = [name for name in config.benchmarks if BENCHMARKS[name].needs_judge]
    if judged and isinstance(config.verdicts, ProgramVerdicts):
        raise UserError(
            f"verdicts: expected a judge for {', '.join(judged)}, whose criteria no program "
            "decides; give verdicts=hybrid llm@judge_llm=openai judge_llm.base_url=..., or "
            "verdicts=none to have the responses first"
        )
    if config.agreement and "infobench" not in config.benchmarks:
        raise UserError(
            "agreement: expected benchmarks=[infobench], whose file brings verdicts of GPT-4 on "
            f"stored responses; got {', '.join(config.benchmarks)}"
        )
    if config.agreement and config.infobench.responses != STORED:
        raise UserError(
            "agreement: expected infobench.responses=stored, the responses that were judged "
            f"before; got {config.infobench.responses!r}"
        )
