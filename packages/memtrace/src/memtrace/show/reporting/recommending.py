"""What to look at next, by stated rules over the counts.

In: the questions of a section. Out: `Advice`s, the one with most cases first.
"""

from __future__ import annotations

from collections.abc import Sequence

from memtrace.show.reporting.rules import RULES, UNPROVED, Rule, is_memory
from memtrace.show.reporting.types import Advice, Asked

__all__ = ["advise"]


def advise(asked: Sequence[Asked]) -> tuple[Advice, ...]:
    """All advice, most cases first; a case stands behind the first rule that holds.

    Args:
        asked: All questions of a section.
    """
    found: list[Advice] = []
    taken: set[str] = set()
    for rule in RULES:
        groups: dict[str, list[Asked]] = {}
        for one in asked:
            if one.id not in taken and rule.holds(one):
                groups.setdefault(_place(one), []).append(one)
        for name, cases in groups.items():
            taken |= {one.id for one in cases}
            found.append(_advice(rule, name, cases))
    unproved = [one for one in asked if is_memory(one) and not one.is_proved]
    if unproved:
        found.append(_advice(UNPROVED, "", unproved))
    return tuple(sorted(found, key=lambda one: (one.rule == UNPROVED.name, -len(one.cases))))


def _advice(rule: Rule, name: str, cases: Sequence[Asked]) -> Advice:
    return Advice(
        rule=rule.name, todo=rule.todo(name, cases), because=rule.because(name, cases),
        cases=tuple(one.id for one in cases),
    )  # fmt: skip


def _place(one: Asked) -> str:
    """Advice is for one operation, or for what is outside the system as a whole."""
    return one.failure.operation if is_memory(one) and one.failure is not None else ""
