"""What a run of `memtrace-attribute` does to each case; small and picklable.

In: a source, methods, a model. Out: for a case and its methods one `Tried` each. Whatever goes
wrong with a case is its row, never the end of the run.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lmcommon.errors import BudgetError, UserError
from lmcommon.llm.base import ChatModel
from lmcommon.llm.budget import Budget, Meter
from lmcommon.llm.config import BudgetConfig
from lmcommon.rng import seed_for
from memtrace.attribution.attributing import work_through
from memtrace.attribution.case import Case, Question
from memtrace.attribution.methods import Workbench, build_stages
from memtrace.attribution.types import Attribution
from memtrace.scoring.outcomes import Outcome, outcome_of
from memtrace.scoring.types import CaseRef, Loaded, Source
from memtrace.show.terminal import explain

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["EVIDENCE", "Plan", "Tried", "failed", "told", "working"]

EVIDENCE = ("gold", "answer", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What every process needs to know.

    Example: `Plan(source=TraceSource("runs/x"), methods={"llm_free": ("validity", "survival")})`
    """

    source: Source
    methods: Mapping[str, tuple[str, ...]]
    """Method to its stages."""
    evidence: str = "gold"
    """What attribution is told: see `told`."""
    llm: Any = None
    """Configuration of the model that attribution asks; None: no stage asks one."""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Options of stages, by stage."""
    keeps_paths: bool = False
    explains: bool = False
    """Whether each verdict is to be explained in words (`Tried.shown`)."""
    seed: int = 0

    @property
    def budgets(self) -> dict[str, Budget]:
        """Limits over all processes together."""
        limit = Budget() if self.llm is None else self.llm.budget.build()
        return {} if limit == Budget() else {"llm": limit}


@dataclass(frozen=True, slots=True)
class Tried:
    """One case by one method."""

    outcome: Outcome
    transcript: tuple[Mapping[str, Any], ...] = ()
    """Model calls of the attribution itself."""
    attribution: Attribution | None = None
    """Whole, for showing; like `shown` not sent between processes."""
    shown: Text | None = None
    """The verdict explained, made while the trace was open."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A plan with its model built. Made by `working`."""

    plan: Plan
    model: ChatModel | None
    meter: Meter | None

    def attempt(self, ref: CaseRef, methods: Sequence[str]) -> Iterator[Tried]:
        """Attribute a case by some methods; the case is loaded once.

        Raises:
            BudgetError: The budget is spent.
        """
        left = list(methods)
        try:
            with self.plan.source.load(ref) as loaded:
                for method in methods:
                    if self.meter is not None:
                        self.meter.require_room()
                    tried = self._examined(loaded, ref, method)
                    left.remove(method)
                    yield tried
        except BudgetError:
            raise
        except Exception as error:  # the border of a case: recorded, and the next one is tried
            for method in left:
                yield failed(ref, method, error)

    def _examined(self, loaded: Loaded, ref: CaseRef, method: str) -> Tried:
        started = time.perf_counter()
        try:
            # Without a right answer nobody can say what a repair has made right: no laboratory.
            is_live = self.plan.evidence == "none"
            bench = Workbench(
                model=self.model, laboratory=None if is_live else loaded.laboratory,
                scope=loaded.scope, question=loaded.question_id,
                seed=seed_for(self.plan.seed, ref.id), settings=self.plan.settings,
            )  # fmt: skip
            stages, missing = build_stages(self.plan.methods[method], bench)
            case = Case(loaded.reader, told(loaded.question, self.plan.evidence))
            work_through(case, stages)
            seconds = time.perf_counter() - started
            case.cost.time_ms = 1000 * seconds
            attribution = case.conclude()
            if attribution.abstained and (why := _unanswered(case)):
                return Tried(failed(ref, method, why).outcome, tuple(case.transcript))
            about = {
                "question_id": loaded.question_id, "evidence_told": self.plan.evidence,
                "stages": [stage.name for stage in stages], "left_out": missing,
            }  # fmt: skip
            if loaded.obstacle and "laboratory" in " ".join(missing.values()):
                about["no_laboratory"] = loaded.obstacle
            outcome = outcome_of(
                ref, method, loaded, attribution, about=about, keeps_paths=self.plan.keeps_paths
            )
        except BudgetError:
            raise
        except Exception as error:  # likewise, of one method
            return failed(ref, method, error)
        shown = explain(attribution, loaded.reader) if self.plan.explains else None
        return Tried(outcome, tuple(case.transcript), attribution, shown)


def _unanswered(case: Case) -> str | None:
    """The failed model call (not a malformed reply) that a method ended with, if it did.

    An abstention for want of a reply says nothing of the method: it is unscored.

    Raises:
        BudgetError: The budget of the run did not allow the call.
    """
    last = str(case.transcript[-1].get("failure") or "") if case.transcript else ""
    if last.startswith("budget"):
        raise BudgetError(f"{last}; raise llm.budget and go on with resume=FOLDER")
    if not last or last.startswith("invalid_output"):
        return None
    return f"its model call failed: {last}"


@contextmanager
def working(plan: Plan, meters: Mapping[str, Meter] | None = None) -> Iterator[Worker]:
    """Build the model of a plan, and close it and the source at the end.

    Raises:
        UserError: The model cannot be used.
    """
    model, meter = None, (meters or {}).get("llm")
    if meter is None and plan.budgets:
        meter = Meter(plan.budgets["llm"])
    try:
        if plan.llm is not None:
            own = plan.llm if meter is None else replace(plan.llm, budget=BudgetConfig())
            model = own.build(meter)
            model.check()
        yield Worker(plan, model, meter)
    finally:
        if model is not None:
            model.close()
        close = getattr(plan.source, "close", None)
        if close is not None:
            close()


def told(question: Question, evidence: str) -> Question:
    """The question as attribution is told it.

    Args:
        question: With all that is known.
        evidence: `gold`: the right answer and where it was said; `answer`: the right answer only;
            `none`: neither, as with a live system.
    """
    if evidence == "gold":
        return question
    if evidence == "answer":
        return replace(question, evidence=None)
    return replace(question, evidence=None, gold=None, is_live=True)


def failed(ref: CaseRef, method: str, error: Exception | str) -> Tried:
    """The row of an attempt that came to nothing: unscored, with the reason."""
    if isinstance(error, str):
        reason, where = error, ""
    else:
        reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        where = "" if isinstance(error, UserError) else "".join(
            traceback.format_exception(error)
        )  # fmt: skip
    about = {"traceback": where} if where else {}
    return Tried(Outcome(
        case=ref.id, method=method, groups=dict(ref.groups), failure=reason, about=about
    ))  # fmt: skip
