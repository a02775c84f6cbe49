"""The counts of a section: right and wrong, error types, operations, what is to be left out.

In: a `Studied`. Out: rows with 95 % Wilson intervals. Annotation and judge errors are counted
apart: they are not held against the system. What nothing is blamed for stays in, under its verdict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from memtrace.attribution.types import Rate, Verdict, rate
from memtrace.scoring.analysis import Failure
from memtrace.show.reporting.types import Asked, Listed, Studied, TypeRow, WorstOperation

__all__ = [
    "accuracy", "by_type", "invalid", "methods_of", "operations_of", "own_failures", "unexplained",
    "unscored",
]  # fmt: skip

_INVALID = (Verdict.ANNOTATION, Verdict.JUDGE)


def accuracy(asked: Iterable[Asked]) -> tuple[Rate, Rate, int]:
    """Right and wrong of those that were scored, and how many were not."""
    states = Counter(one.state for one in asked)
    scored = states["right"] + states["wrong"]
    return rate(states["right"], scored), rate(states["wrong"], scored), states["unscored"]


def by_type(asked: Sequence[Asked]) -> tuple[TypeRow, ...]:
    """Accuracy by type of question, the worst first."""
    found = []
    for category in sorted({one.category for one in asked}):
        right, _, without = accuracy(one for one in asked if one.category == category)
        found.append(TypeRow(category=category, right=right, unscored=without))
    return tuple(sorted(found, key=lambda row: (row.right.share is None, row.right.share or 0.0)))


def own_failures(asked: Iterable[Asked]) -> list[Failure]:
    """Attributed failures that are the system's, or may be."""
    return [
        one.failure
        for one in asked
        if one.failure is not None and one.failure.verdict not in _INVALID
    ]


def operations_of(studied: Studied, most: int) -> tuple[WorstOperation, ...]:
    """The operations that were blamed most, without examples yet.

    Args:
        studied: With attributed failures.
        most: How many.
    """
    total = len(own_failures(studied.asked))
    blamed: dict[str, list[Asked]] = {}
    for one in studied.asked:
        if one.failure is not None and one.failure.verdict is Verdict.MEMORY:
            blamed.setdefault(one.failure.operation, []).append(one)
    lost = Counter(lost.name for one in studied.asked for lost in one.lost)
    knows_facts = bool(studied.traces) or bool(lost)
    worst = sorted(blamed.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:most]
    return tuple(
        WorstOperation(
            name=name, failures=rate(len(cases), total),
            proved=sum(one.is_proved for one in cases),
            error_types=tuple(
                kind for kind, _ in Counter(
                    one.failure.error_type for one in cases if one.failure
                ).most_common()
            ),
            facts_lost=lost[name] if knows_facts else None,
            spent=studied.costs.get(name),
        )
        for name, cases in worst
    )  # fmt: skip


def invalid(asked: Iterable[Asked]) -> tuple[Listed, ...]:
    """Failures in which the question or the judge is at fault."""
    return tuple(
        _listed(one, str(one.failure.verdict), _reason(one))
        for one in asked
        if one.failure is not None and one.failure.verdict in _INVALID
    )


def unexplained(asked: Iterable[Asked]) -> tuple[Listed, ...]:
    """Wrong answers for which nothing is blamed: abstained, no failure, or never attributed."""
    found = []
    for one in asked:
        if one.state != "wrong":
            continue
        if one.attribution is None:
            found.append(_listed(one, "not attributed", one.obstacle))
        elif one.failure is None:
            found.append(_listed(one, str(Verdict.NO_FAILURE), _reason(one)))
        elif one.failure.verdict is Verdict.ABSTAINED:
            found.append(_listed(one, str(Verdict.ABSTAINED), _reason(one)))
    return tuple(found)


def unscored(asked: Iterable[Asked]) -> tuple[Listed, ...]:
    """Questions without a verdict, with the reason."""
    return tuple(_listed(one, "unscored", one.why) for one in asked if one.state == "unscored")


def methods_of(asked: Iterable[Asked]) -> dict[str, int]:
    """What attributed how many failures."""
    return dict(Counter(one.method for one in asked if one.attribution is not None).most_common())


def _reason(one: Asked) -> str:
    return str((one.attribution or {}).get("reason") or "")


def _listed(one: Asked, what: str, why: str) -> Listed:
    return Listed(case=one.id, question=one.question, what=what, why=why or "no reason was given")
