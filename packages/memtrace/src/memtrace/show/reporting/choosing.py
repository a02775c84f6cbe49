"""Worked examples: which cases, and everything there is to show of each.

In: the cases of an operation. Out: `Example`s with the path of every fact. Chosen the same way each
time: proved ones first, then types of questions in turn, then the surest.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from memtrace.attribution.attributing import examine
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.types import Verdict
from memtrace.graph.reading.trace import open as open_trace
from memtrace.scoring.sources.asked import AskedQuestion, asked_questions
from memtrace.show.cases import FactView, case_view
from memtrace.show.reporting.types import Asked, Example, WorstOperation

__all__ = ["choose", "repairs_of", "with_examples"]


def choose(cases: Sequence[Asked], most: int) -> list[Asked]:
    """The cases to show.

    Args:
        cases: All of an operation.
        most: How many to take.
    """
    left, taken = list(cases), list[Asked]()
    shown: Counter[str] = Counter()
    while left and len(taken) < most:
        best = min(
            left, key=lambda one: (not one.is_proved, shown[one.category], -one.confidence, one.id)
        )
        left.remove(best)
        shown[best.category] += 1
        taken.append(best)
    return taken


def with_examples(
    operations: Sequence[WorstOperation], asked: Sequence[Asked], most: int
) -> tuple[WorstOperation, ...]:
    """Operations with their worked examples; each trace is opened once.

    Args:
        operations: The worst ones.
        asked: All questions.
        most: Examples of an operation.
    """
    chosen = {
        one.name: choose([
            case for case in asked if case.failure is not None
            and case.failure.verdict is Verdict.MEMORY and case.failure.operation == one.name
        ], most)
        for one in operations
    }  # fmt: skip
    every = [case for cases in chosen.values() for case in cases]
    made = {case.id: _example(case, (), "its trace is not there") for case in every}
    for path in dict.fromkeys(case.trace for case in every if case.trace is not None):
        made |= _of_trace(path, [case for case in every if case.trace == path])
    return tuple(
        replace(one, examples=tuple(made[case.id] for case in chosen[one.name]))
        for one in operations
    )


def repairs_of(body: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """What was repaired, how often that made the answer right, and what was answered.

    Args:
        body: `Attribution.to_dict()`.
    """
    found = []
    for trial in (body.get("decisive") or {}).get("trials", ()):
        flips = trial["flips"]
        named = ", ".join(trial["operations"]) or "nothing"
        passed_on = "; ".join(trial.get("repairs") or ())
        answers = " / ".join(dict.fromkeys(trial.get("answers") or ()))
        found.append((
            f"{named}: {passed_on}" if passed_on else named,
            f"right {flips['hits']} of {flips['trials']} times", answers,
        ))  # fmt: skip
    return tuple(found)


def _of_trace(path: Path, cases: Sequence[Asked]) -> dict[str, Example]:
    with open_trace(path) as trace:
        reader = TraceReader(trace)
        told = {one.told.answer: one for one in asked_questions(trace)}
        return {case.id: _worked(case, reader, told.get(case.answer or "")) for case in cases}


def _worked(case: Asked, reader: TraceReader, known: AskedQuestion | None) -> Example:
    if known is None:
        return _example(case, (), "the trace does not hold this answer")
    facts = case_view(examine(reader, known.told, ("survival",)), reader).facts
    why = (
        "the right reply was to say that there is no answer" if case.gold is None
        else "no message is known to hold the right answer"
    )  # fmt: skip
    return _example(case, facts, "" if facts else why)


def _example(case: Asked, facts: tuple[FactView, ...], obstacle: str) -> Example:
    body = case.attribution or {}
    return Example(
        asked=case, facts=facts, obstacle=obstacle, repairs=repairs_of(body),
        commands=_commands(case, body.get("operation")),
    )  # fmt: skip


def _commands(case: Asked, operation: str | None) -> tuple[str, ...]:
    """How to open it: the blamed operation, what the answer came from, the page."""
    if case.trace is None:
        return ()
    path = shlex.quote(str(case.trace))
    found = [] if operation is None else [f"memtrace-show {path} {operation}"]
    if case.answer is not None:
        found.append(f"memtrace-show {path} {case.answer} view=why")
        place = f"#answer={case.answer}" + ("" if operation is None else f"&op={operation}")
        found.append(f"memtrace-view {path}  # and then {place} in the address")
    return tuple(found)
