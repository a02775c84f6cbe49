"""Attribution of one wrong answer, stage by stage, cheapest first.

Stages: `validity` (is the failure real?), `survival` (where did the facts die? no model), `tracing`
(a model reads the slice), `causal` (suspects are repaired and the run replayed). Every stage writes
what it found into the log; one that closes the case is the last that runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from memtrace.attribution.case import Case, Question
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.suspecting import SurvivalStage
from memtrace.attribution.types import Attribution
from memtrace.attribution.validity import ValidityStage
from memtrace.graph.reading.trace import Trace

__all__ = ["STAGES", "AttributionStage", "attribute", "examine", "work_through"]

STAGES = ("validity", "survival")
"""Stages that need nothing but the trace, in order: what `attribute` runs by default."""


class AttributionStage(Protocol):
    """One way of looking for the fault.

    `examine` reads the case, adds suspects (`Case.suspect`) and findings (`Case.note`), and sets
    `Case.verdict` if it can decide. It raises nothing on account of what a case holds.
    """

    @property
    def name(self) -> str:
        """What logs and configurations call it."""
        ...

    def examine(self, case: Case) -> None:
        """Look at one case."""
        ...


def attribute(
    trace: Trace | TraceReader, answer: str | None = None, *, gold: str | None,
    evidence: Sequence[str] | None = None, question: str | None = None,
    judged: bool | None = None, stages: Sequence[str | AttributionStage] = STAGES,
    rerun: Callable[[], object] | None = None,
) -> Attribution:  # fmt: skip
    """Say which operation of a trace is to blame for a wrong answer.

    Args:
        trace: The trace, or a `TraceReader` over it (cheaper for many answers of one trace).
        answer: Variable id of the answer; None: the last one (to `question`, if that is given).
        gold: The right answer; None when the right behaviour was to abstain.
        evidence: Names of the messages (turn ids) or sessions that hold the right answer; None:
            they are looked for by the gold answer.
        question: The question's text; None: the question variable behind the answer.
        judged: What the recorded judge said; None: the answer is said to be wrong.
        stages: Names of `STAGES`, or stages that were built (`CausalStage(replayer)`).
        rerun: The program that was recorded, to prove the blame: suspects are repaired, and it is
            run again (see `memtrace.replaying.Rerunner`). Comes after `stages`.

    Returns:
        Ranked suspects with the path of every critical fact. `abstained` when the evidence is
        too weak; operation ids are always operations of this trace.

    Raises:
        ValueError: An unknown stage, or a variable that no operation made.
        KeyError: The trace has no such variable.
        UserError: It has no answer, or cannot be run again.
    """
    from memtrace.replaying.answers import chosen_answer

    whole = trace if isinstance(trace, Trace) else trace.trace
    if answer is None:
        answer = chosen_answer(whole, question).variable
    asked = Question(
        answer=answer, gold=gold, evidence=None if evidence is None else tuple(evidence),
        text=question, judged=judged,
    )  # fmt: skip
    if rerun is None:
        return examine(trace, asked, stages)
    from memtrace.attribution.causal.stage import CausalStage
    from memtrace.replaying.rerunning import Rerunner

    with Rerunner(whole, rerun) as laboratory:
        return examine(trace, asked, [*stages, CausalStage(laboratory)])


def examine(
    trace: Trace | TraceReader, asked: Question, stages: Sequence[str | AttributionStage] = STAGES
) -> Attribution:
    """`attribute` for a question that was put together already."""
    built = [_stage(one) for one in stages]
    started = time.perf_counter()
    case = Case(trace, asked)
    work_through(case, built)
    case.cost.time_ms = (time.perf_counter() - started) * 1000
    return case.conclude()


def work_through(case: Case, stages: Sequence[AttributionStage]) -> None:
    """Let stages examine a case, one after the other, until one closes it."""
    for stage in stages:
        if not case.is_closed:
            stage.examine(case)


def _stage(stage: str | AttributionStage) -> AttributionStage:
    if not isinstance(stage, str):
        return stage
    if stage == "validity":
        return ValidityStage()
    if stage == "survival":
        return SurvivalStage()
    raise ValueError(
        f"stages: expected some of {list(STAGES)}, or objects such as CausalStage(replayer); got "
        f"{stage!r}"
    )
