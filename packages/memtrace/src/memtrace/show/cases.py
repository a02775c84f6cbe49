"""A verdict as people read it: the path of each fact with the texts in which it stood.

In: an attribution and its trace. Out: a `CaseView`, plain data for the terminal and for HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from memtrace.attribution.matching import normal_words
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.taxonomy import LossKind
from memtrace.attribution.types import Attribution, FactPath, FactStep

__all__ = ["CaseView", "FactView", "StepView", "case_view"]

_LONGEST = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One operation, or a run of like ones, on a fact's path.

    Example: `StepView(name="trim", operation="op-9", kept=False, times=1, held="Ana: ...", ...)`
    """

    name: str
    operation: str
    """The first operation of the run."""
    kind: str
    kept: bool
    times: int
    """How many like operations in a row this stands for."""
    held: str
    """The line in which the fact stands: in the output if kept, else in the input."""
    instead: str = ""
    """What the operation wrote instead, if it lost the fact."""
    loss: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactView:
    """A fact, where it was said, and its path."""

    value: str
    said: tuple[tuple[str, str], ...]
    """Turn id and text of the witnesses."""
    steps: tuple[StepView, ...]
    fate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """One wrong answer, explained."""

    question: str
    gold: str
    prediction: str
    blamed: str
    """Name and id of the decisive operation, or a dash."""
    error_type: str
    loss: str
    confidence: float
    reason: str
    facts: tuple[FactView, ...]
    others: tuple[tuple[str, str, float], ...]
    """Further suspects: name and id, why, score."""
    log: tuple[str, ...]


def case_view(verdict: Attribution, reader: TraceReader) -> CaseView:
    """Collect what there is to show of a verdict."""
    first = verdict.suspects[0] if verdict.suspects and not verdict.abstained else None
    rest = verdict.suspects[1:] if first else verdict.suspects
    return CaseView(
        question=verdict.question, prediction=verdict.prediction,
        gold="(no answer: the right reply is to say so)" if verdict.gold is None else verdict.gold,
        blamed=_title(first.name, first.operation) if first else "-",
        error_type=str(first.error_type) if first else "abstained",
        loss=str(first.loss) if first else "", confidence=verdict.confidence,
        reason=verdict.reason, log=verdict.log,
        facts=tuple(_fact(path, reader, verdict) for path in verdict.paths),
        others=tuple((_title(s.name, s.operation), s.evidence, s.score) for s in rest),
    )  # fmt: skip


def _title(name: str, operation: str | None) -> str:
    return f"{name} ({operation})" if operation else "no operation"


def _fact(path: FactPath, reader: TraceReader, verdict: Attribution) -> FactView:
    if path.death is not None:
        fate = str(path.death.loss)
    elif path.reached_model:
        fate = "reached the model" + (", stands in the answer" if path.in_answer else "")
    else:
        fate = "was never read"
    return FactView(
        value=_short(path.fact.value), fate=fate,
        steps=(*_steps(path, reader), *_end(path, reader, verdict)),
        said=tuple((witness.name, _short(witness.text)) for witness in path.fact.witnesses),
    )  # fmt: skip


def _steps(path: FactPath, reader: TraceReader) -> list[StepView]:
    """Operations in order, runs of like ones as one; what came after the death is left out."""
    shown: list[FactStep] = []
    for step in path.steps:
        shown.append(step)
        if step is path.death:
            break
    runs = [list(run) for _, run in groupby(shown, key=lambda step: (step.name, step.kept))]
    seen: dict[str, str] = {}
    return [_step(run, reader, seen) for run in runs]


def _end(path: FactPath, reader: TraceReader, verdict: Attribution) -> list[StepView]:
    """The answer itself, where the fact got as far as that."""
    maker = reader.variable(verdict.answer).producer
    if not path.reached_model or not path.fact.phrase or maker is None:
        return []
    operation, said = reader.operation(maker), _short(verdict.prediction)
    loss = "" if path.in_answer else str(LossKind.UNUSED)
    return [StepView(
        name=operation.name, operation=operation.id, kind=operation.kind, kept=path.in_answer,
        times=1, held=said if path.in_answer else _short(path.fact.value), instead=said, loss=loss,
    )]  # fmt: skip


def _step(run: Sequence[FactStep], reader: TraceReader, seen: dict[str, str]) -> StepView:
    """One entry of a path; `seen` maps lines in normal form to how they were written before."""
    step = run[-1]
    for variable in step.wrote if step.kept else step.read:
        if line := _line(reader.text(variable), step.excerpt):
            seen[step.excerpt] = line
    instead = "" if step.kept else "\n".join(reader.text(variable) for variable in step.wrote)
    return StepView(
        name=step.name, operation=run[0].operation, kind=step.kind, kept=step.kept,
        times=len(run), held=_short(seen.get(step.excerpt, step.excerpt)), instead=_short(instead),
        loss="" if step.kept else str(step.loss),
    )  # fmt: skip


def _line(text: str, normal: str) -> str:
    """The line of a text whose normal form this is."""
    for line in text.splitlines():
        if " ".join(normal_words(line)) == normal:
            return line
    return ""


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
