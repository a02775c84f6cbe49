"""Who is worth a replay: suspects of earlier stages, and writers of what nobody said.

In: a case. Out: `Candidate`s, the likeliest first, each with the operation that would be blamed and
the one that carried it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from memtrace.attribution.case import Case
from memtrace.attribution.causal.births import births
from memtrace.attribution.causal.repairs import Repair, decider_of, repair_of
from memtrace.attribution.causal.wording import Wording, wordings
from memtrace.attribution.taxonomy import ErrorType, LossKind, error_type_of
from memtrace.attribution.types import Suspect
from memtrace.types import Operation

__all__ = ["Candidate", "candidates", "is_answer_informed", "needed", "suspicion"]

_BIRTH = 0.3
_LEAST = 0.2
_AS_IT_MAY = (LossKind.NOT_RETRIEVED, LossKind.DELETED, LossKind.OVERWRITTEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A suspect with its repair."""

    suspect: Suspect
    """Of the operation that would be blamed."""
    repair: Repair
    executor: str
    """Id of the operation that carried the loss out, in the case's trace."""


def candidates(case: Case, facts: Sequence[Wording]) -> Iterator[Candidate]:
    """Repairs to try, each point once.

    Args:
        case: Its suspects are taken in their order; those of no operation are left out.
        facts: What is to be restored.
    """
    seen: set[object] = set()
    for suspect, unwanted in _suspects(case):
        assert suspect.operation is not None
        operation = case.reader.operation(suspect.operation)
        primary = [fact for fact in facts if fact.is_primary]
        if operation.id == case.maker.id and not is_answer_informed(case, primary):
            continue
        decider = operation
        if suspect.stage != "survival":  # which tells them apart by itself
            decider = decider_of(case, operation, facts)
        if decider.id != operation.id:
            suspect = _passed_to(suspect, decider, operation)
        repair = repair_of(case, operation, facts, unwanted=unwanted)
        if repair is None or repair.key in seen:
            continue
        seen.add(repair.key)
        yield Candidate(suspect=suspect, repair=repair, executor=operation.id)


def is_answer_informed(case: Case, facts: Sequence[Wording], *, strict: bool = False) -> bool:
    """Whether the answering model was given every fact: else its answer is not its own fault."""
    if case.gold is None:
        return True
    given = [case.reader.passage(identifier) for identifier in case.maker.input_ids]
    return bool(facts) and all(any(w.holds(text, strict=strict) for text in given) for w in facts)


def needed(case: Case) -> tuple[Wording, ...]:
    """The facts an answer cannot do without.

    Not support that a search, as it may, did not find, or that made room for what came later.
    """
    missed = {
        path.fact.value
        for path in case.paths
        if path.death is not None and path.death.loss in _AS_IT_MAY
    }
    facts = wordings(case.facts, case.reader.speakers)
    return tuple(one for one in facts if one.is_primary or one.fact.value not in missed)


def suspicion(operation: Operation, evidence: str, score: float, loss: LossKind) -> Suspect:
    """A suspect that the causal stage itself came up with."""
    reads_query = operation.kind in ("retrieval", "rerank", "rewrite", "context")
    return Suspect(
        operation=operation.id, name=operation.name, kind=operation.kind,
        error_type=error_type_of(operation.kind, reads_query=reads_query, writes_item=True),
        loss=loss, score=score, evidence=evidence, stage="causal",
    )  # fmt: skip


def _suspects(case: Case) -> Iterator[tuple[Suspect, frozenset[str]]]:
    """Suspects, with what their operation should not have said."""
    wrong = births(case)
    for suspect in case.ranked:
        if suspect.operation is not None and suspect.score >= _LEAST:
            lines = {birth.line for birth in wrong if birth.operation.id == suspect.operation}
            yield suspect, frozenset(lines)
    for birth in wrong:
        evidence = (
            f"{birth.operation.name} ({birth.operation.id}) was the first to say {birth.line!r}, "
            "which nothing it read says"
        )
        found = suspicion(birth.operation, evidence, _BIRTH, LossKind.DISTORTED)
        yield found, frozenset({birth.line})


def _passed_to(suspect: Suspect, decider: Operation, executor: Operation) -> Suspect:
    """The suspicion on the one who decided."""
    error_type = suspect.error_type
    if error_type is not ErrorType.DELETION:
        error_type = error_type_of(decider.kind, reads_query=False, writes_item=True)
    return replace(
        suspect, operation=decider.id, name=decider.name, kind=decider.kind, error_type=error_type,
        evidence=f"{decider.name} ({decider.id}) decided it, {executor.name} ({executor.id}) "
        f"carried it out: {suspect.evidence}",
    )  # fmt: skip
