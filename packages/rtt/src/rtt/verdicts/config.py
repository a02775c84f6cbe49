"""Settings of the verdict sources, one class each: the group `verdicts` of the verbs.

The hybrid dispatch goes by criterion, as the paper's data does by its four types: a program where
`lmcommon.verify` knows the constraint, sandboxed code where the data brings a rule and the sandbox
is on, else a language model. `Verdict.source` says who decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from lmcommon.errors import UserError
from lmcommon.judge.base import Judge
from lmcommon.judge.program import HybridJudge, ProgramJudge
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import Sampling
from lmcommon.verify.sandbox.config import SandboxConfig
from lmcommon.verify.sandbox.rules import SandboxedRules
from rtt.verdicts.sources import JudgedVerdicts, UnjudgedVerdicts
from rtt.verdicts.watch import WatchedVerdicts

__all__ = [
    "VERDICT_SCHEMAS", "HybridVerdicts", "LogprobVerdicts", "NoVerdicts", "ProgramVerdicts",
]  # fmt: skip


@dataclass(kw_only=True)
class _Watched:
    """What every source of verdicts can be given."""

    mode: str = "strict"
    """How programs read a response: strict, or loose (the best of eight readings)."""
    max_unscored: float = 0.5
    """Share of a batch's criteria that may go without a verdict."""
    patience: int = 3
    """Batches in a row above that share after which the run stops."""

    def __post_init__(self) -> None:
        _choose("mode", self.mode, ("strict", "loose"))
        self._watch(ProgramJudge())

    def _watch(self, judge: Judge, rules: SandboxedRules | None = None) -> WatchedVerdicts:
        return WatchedVerdicts(
            source=JudgedVerdicts(judge), max_unscored=self.max_unscored, patience=self.patience,
            rules=rules,
        )  # fmt: skip

    def _program(self) -> ProgramJudge:
        return ProgramJudge(mode=self.mode)  # type: ignore[arg-type]


@dataclass(kw_only=True)
class ProgramVerdicts(_Watched):
    """Program checks alone; a criterion without one is unscored."""

    def build(self, model: ChatModel | None = None) -> WatchedVerdicts:
        """The source; a model is not asked."""
        return self._watch(self._program())


@dataclass(kw_only=True)
class HybridVerdicts(_Watched):
    """A program where there is one, else a language model, which grades what has a scale."""

    judge: str = "criterion"
    """criterion: one call a criterion; rubric: all criteria of a response in one call, which is
    cheaper, and loses them all to one unreadable reply."""
    form: str = "json"
    """How the model replies to one criterion: json (by schema) or tag (prose, then a line)."""
    max_tokens: int | None = None
    """Of one reply; null: 512 for a criterion or a grade, 2048 for a rubric."""
    unknown: str = "error"
    """What a constraint without a check here is: an error, or a case for the judge (counted as a
    fallback)."""
    sandbox: SandboxConfig = field(default_factory=SandboxConfig)
    """Rules that the data brings as code; off by default."""

    def __post_init__(self) -> None:
        _Watched.__post_init__(self)
        _choose("judge", self.judge, ("criterion", "rubric"))
        _choose("form", self.form, ("json", "tag"))
        _choose("unknown", self.unknown, ("error", "judge"))
        if self.max_tokens is not None and self.max_tokens < 1:
            raise UserError(f"verdicts.max_tokens: expected 1 or more; got {self.max_tokens!r}")

    def build(self, model: ChatModel | None = None) -> WatchedVerdicts:
        """The source.

        Args:
            model: What judges; its own settings hold the cache and the number of calls at once.

        Raises:
            UserError: There is no model, or the sandbox cannot be had.
        """
        if model is None:
            raise UserError(
                "verdicts=hybrid: expected a model that judges, got none; give "
                "llm@judge_llm=openai judge_llm.base_url=..., or take verdicts=program"
            )
        from lmcommon.judge.graded import GradedJudge

        rules = self.sandbox.build()
        code: Judge | None = None
        if rules is not None:
            from lmcommon.judge.code import CodeJudge

            code = CodeJudge(rules)
        return self._watch(
            HybridJudge(
                self._judge(model),
                program=self._program(),
                unknown=self.unknown,  # type: ignore[arg-type]
                code=code,
                graded=GradedJudge(model, sampling=self._sampling(512)),
            ),
            rules,
        )

    def _judge(self, model: ChatModel) -> Judge:
        from lmcommon.judge.criterion import CriterionJudge, RubricJudge

        if self.judge == "rubric":
            return RubricJudge(model, sampling=self._sampling(2048))
        return CriterionJudge(
            model,
            form=self.form,  # type: ignore[arg-type]
            sampling=self._sampling(512),
        )

    def _sampling(self, usual: int) -> Sampling:
        return Sampling(max_tokens=self.max_tokens or usual)


@dataclass(kw_only=True)
class LogprobVerdicts(_Watched):
    """A program where there is one, else log P(yes) - log P(no) of a small model, by threshold."""

    calibration: str = "calibration.json"
    """File of the fitted threshold. If it is not there and the prompts bring verdicts of another
    judge, it is fitted on those and written (rtt-evaluate, agreement=true)."""
    reads: str = "first_token"
    """Of a calibration that is made: first_token (endpoints that tell log-probabilities) or
    continuation (llm=local, llm=vllm)."""

    def __post_init__(self) -> None:
        _Watched.__post_init__(self)
        _choose("reads", self.reads, ("first_token", "continuation"))

    @property
    def is_fitting(self) -> bool:
        """Whether there is no calibration yet."""
        return not Path(self.calibration).is_file()

    def build(self, model: ChatModel | None = None) -> WatchedVerdicts:
        """The source.

        Raises:
            UserError: There is no model, or the calibration is no better than chance, or another
                model's.
        """
        if model is None:
            raise UserError(
                "verdicts=logprob: expected a model that judges, got none; give "
                "llm@judge_llm=llamacpp judge_llm.model=..., or take verdicts=program"
            )
        from lmcommon.judge.logprob import LogprobJudge
        from rtt.verdicts.logprob import CrossFitted, HeldApart, read_calibration

        path = Path(self.calibration)
        if self.is_fitting:
            fitted = CrossFitted(model, path, self.reads)  # type: ignore[arg-type]
            return WatchedVerdicts(
                source=fitted, max_unscored=self.max_unscored, patience=self.patience
            )
        judge = LogprobJudge(model, read_calibration(path))
        watch = self._watch(HybridJudge(judge, program=self._program()))
        return replace(watch, source=HeldApart(watch.source, path))


@dataclass(kw_only=True)
class NoVerdicts:
    """Nobody judges: every criterion is unscored, to be judged later by rtt-score."""

    def build(self, model: ChatModel | None = None) -> UnjudgedVerdicts:
        """The source; a model is not asked."""
        return UnjudgedVerdicts()

    @property
    def mode(self) -> str:
        """In place of how programs read a response."""
        return "none"


def _choose(key: str, value: str, options: tuple[str, ...]) -> None:
    if value not in options:
        raise UserError(f"verdicts.{key}: expected one of {', '.join(options)}; got {value!r}")


VERDICT_SCHEMAS: Mapping[str, type] = MappingProxyType(
    {
        "program": ProgramVerdicts,
        "hybrid": HybridVerdicts,
        "logprob": LogprobVerdicts,
        "none": NoVerdicts,
    }
)
"""Options of the group `verdicts`."""
