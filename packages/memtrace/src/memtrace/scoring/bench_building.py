"""Making cases for annotators: wrong answers of real runs, each with what attribution suggests.

In: recorded runs. Out: a folder with `cases.jsonl`, a copy of each trace, and an empty form. What
is suggested is a help and says so; the form starts empty, so that nobody labels by pressing enter.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lmcommon.data.files import write_jsonl
from lmcommon.errors import UserError
from lmcommon.rng import random_for
from memtrace.attribution.attributing import examine
from memtrace.scoring.annotating import CASES, FOLDER, BuiltCase
from memtrace.scoring.sources.traces import TraceSource
from memtrace.scoring.types import CaseRef

__all__ = ["TEMPLATE", "build_cases", "form_row"]

TEMPLATE = "TEMPLATE.jsonl.txt"
_SUGGESTED = 3

Progress = Callable[[Sequence[tuple[TraceSource, CaseRef]]], Iterable[tuple[TraceSource, CaseRef]]]


def build_cases(
    runs: Sequence[Path], out: Path, *, max_cases: int | None = None, seed: int = 0,
    progress: Progress = iter,
) -> list[BuiltCase]:  # fmt: skip
    """Make cases from every wrong answer of some runs.

    Args:
        runs: Traces, or folders that hold them.
        out: The folder to write; it must not hold cases yet, nor annotations.
        max_cases: Only so many, drawn evenly over systems and question types.
        seed: Of the draw.
        progress: Wraps what is iterated over.

    Raises:
        UserError: A run has no wrong answer, or the folder holds cases.
    """
    if (out / CASES).exists() or any((out / FOLDER).glob("*.jsonl")):
        raise UserError(f"out: expected a new folder; {out} holds cases; choose another one")
    sources = [TraceSource(path, replays=False) for path in runs]
    chosen = _drawn([(one, ref) for one in sources for ref in one.refs()], max_cases, seed)
    traces: dict[str, str] = {}
    made: list[BuiltCase] = []
    try:
        for source, ref in progress(chosen):
            if ref.bundle not in traces:
                traces[ref.bundle] = f"traces/{len(traces):03d}.db"
                _copy(Path(ref.bundle), out / traces[ref.bundle])
            made.append(_case(source, ref, traces[ref.bundle], len(made)))
    finally:
        for source in sources:
            source.close()
    (out / FOLDER).mkdir(parents=True, exist_ok=True)
    write_jsonl(out / CASES, (case.to_dict() for case in made))
    _write_form(out / FOLDER / TEMPLATE, made)
    return made


def form_row(case: BuiltCase) -> dict[str, Any]:
    """What an annotator fills in for a case."""
    return {"case": case.id, "question": case.question, "gold": case.gold,
            "prediction": case.prediction, "verdict": "", "operations": [], "error_types": [],
            "reason": ""}  # fmt: skip


def _case(source: TraceSource, ref: CaseRef, trace: str, number: int) -> BuiltCase:
    with source.load(ref) as loaded:
        verdict = examine(loaded.reader, loaded.question)
        assert loaded.scope is not None
        assert loaded.question_id is not None
        return BuiltCase(
            id=f"{number:04d}", trace=trace, answer=verdict.answer, scope=loaded.scope,
            question_id=loaded.question_id, question=verdict.question, gold=loaded.question.gold,
            prediction=verdict.prediction, evidence=loaded.question.evidence or (),
            system=ref.groups["system"], category=ref.groups["category"],
            judged=loaded.question.judged, log=verdict.log,
            suspects=tuple(asdict(one) for one in verdict.suspects[:_SUGGESTED]),
        )  # fmt: skip


def _drawn(
    cases: list[tuple[TraceSource, CaseRef]], most: int | None, seed: int
) -> list[tuple[TraceSource, CaseRef]]:
    """At most so many, one of each stratum in turn; in the order of the runs."""
    if most is None or most >= len(cases):
        return cases
    strata: dict[tuple[str, str], list[int]] = {}
    for place, (_, ref) in enumerate(cases):
        key = ref.groups["system"], ref.groups["category"]
        strata.setdefault(key, []).append(place)
    rng = random_for(seed, "cases")
    for places in strata.values():
        rng.shuffle(places)
    kept = sorted(_in_turn(list(strata.values()), most))
    return [cases[place] for place in kept]


def _in_turn(strata: list[list[int]], most: int) -> Iterator[int]:
    taken = 0
    while taken < most:
        for places in strata:
            if places and taken < most:
                yield places.pop()
                taken += 1


def _copy(trace: Path, target: Path) -> None:
    """A whole copy of a trace, also of one with a journal beside it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source = sqlite3.connect(f"{trace.resolve().as_uri()}?mode=ro", uri=True)
    copy = sqlite3.connect(target)
    try:
        source.backup(copy)
    finally:
        copy.close()
        source.close()


def _write_form(path: Path, cases: Sequence[BuiltCase]) -> None:
    """The empty form, under a name that is not read as an annotator's."""
    draft = path.with_name("template.jsonl")
    write_jsonl(draft, (form_row(case) for case in cases))
    draft.replace(path)
