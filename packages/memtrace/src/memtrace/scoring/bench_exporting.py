"""Annotated cases as files of the MemTraceBench format, one a trace.

In: cases with the labels their annotators agree on. Out: files that other tools of the format load,
with the labels in `data.annotations`, in its words and with its ids. The format has room for one
operation: of several the first is named, all of them stand in `operations` beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from memtrace.attribution.reader import TraceReader
from memtrace.attribution.taxonomy import ErrorType
from memtrace.attribution.types import Verdict
from memtrace.graph.reading.trace import open as open_trace
from memtrace.interchange.smartcomment.annotations import Annotation
from memtrace.interchange.smartcomment.exporting import export_memtracebench
from memtrace.scoring.annotating import Annotated, BuiltCase
from memtrace.scoring.types import Label

__all__ = ["export_cases"]

_JUDGE = "LLMAsAJudgeError"


def export_cases(
    folder: Path, cases: Mapping[str, BuiltCase], labels: Mapping[str, Label],
    annotations: Sequence[Annotated],
) -> list[Path]:  # fmt: skip
    """Write `memtracebench/<trace>.json` for every trace with a labelled case.

    Args:
        folder: Of the cases.
        cases: By id.
        labels: What annotators agree on, by case; others, and right answers, are left out.
        annotations: For the reasons.

    Returns:
        The files.
    """
    by_trace: dict[str, list[BuiltCase]] = {}
    for case, label in labels.items():
        if label.verdict is not Verdict.NO_FAILURE:
            by_trace.setdefault(cases[case].trace, []).append(cases[case])
    reasons: dict[str, list[str]] = {}
    for one in annotations:
        if one.reason:
            reasons.setdefault(one.case, []).append(one.reason)
    written = []
    for name, found in sorted(by_trace.items()):
        path = folder / "memtracebench" / f"{Path(name).stem}.json"
        with open_trace(folder / name) as trace:
            reader = TraceReader(trace)
            records = [
                _annotation(case, labels[case.id], reasons.get(case.id, ()), reader)
                for case in found
            ]
            export_memtracebench(trace, path, annotations=records)
        written.append(path)
    return written


def _annotation(
    case: BuiltCase, label: Label, reasons: Iterable[str], reader: TraceReader
) -> Annotation:
    asked = _judged(case, reader)
    wanted = reader.graph.upstream(case.answer)
    evidence = [
        next((one.id for one in found if one.id in wanted), found[0].id)
        for name in case.evidence
        if (found := reader.messages(name))
    ]
    return Annotation(
        error_type=_word(label), operation=label.operations[0] if label.operations else None,
        question=asked.get("question"), gold=asked.get("gold"), prediction=case.answer,
        evidence=tuple(evidence),
        record={
            "query": case.question, "prediction": case.prediction,
            "golden_answers": [] if case.gold is None else [case.gold],
            "reason": " / ".join(reasons), "operations": list(label.operations),
            "error_types": list(label.error_types),
        },
    )  # fmt: skip


def _judged(case: BuiltCase, reader: TraceReader) -> dict[str, str]:
    """Question and gold answer as the judge was given them."""
    for consumer in reader.graph.consumers(case.answer):
        operation = reader.operation(consumer)
        if operation.kind == "judge" and operation.inputs.get("gold"):
            return {role: ids[0] for role, ids in operation.inputs.items() if ids}
    return {}


def _word(label: Label) -> str:
    """The error type as the benchmark writes it."""
    if label.verdict is Verdict.JUDGE:
        return _JUDGE
    if label.verdict is Verdict.ANNOTATION:
        return f"{ErrorType.ANNOTATION.capitalize()}Error"
    return f"{label.error_types[0].capitalize()}Error"
