"""Cases for annotators: what is written for them, what they fill in, how far they agree.

In: a folder with `cases.jsonl`, the traces, and files `annotations/<annotator>.jsonl`. Out: typed
cases and annotations, every mistake an error with file, row and field; the label that a majority
gives; agreement of each pair of annotators (Cohen's kappa).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from lmcommon.data.files import read_rows
from lmcommon.data.rows import Row
from lmcommon.errors import UserError
from lmcommon.stats import cohen_kappa
from memtrace.attribution.taxonomy import ErrorType
from memtrace.attribution.types import Verdict
from memtrace.graph.reading.trace import open as open_trace
from memtrace.scoring.types import Label

__all__ = [
    "CASES", "FOLDER", "Annotated", "BuiltCase", "PairAgreement", "agreed", "agreement",
    "check_operations", "read_annotation", "read_annotations_of", "read_cases",
]  # fmt: skip

CASES, FOLDER = "cases.jsonl", "annotations"
_VERDICTS = tuple(one.value for one in Verdict if one is not Verdict.ABSTAINED)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltCase:
    """One failure, ready to be annotated.

    Example: `BuiltCase(id="0007", trace="traces/0.db", answer="var-93", question="...", ...)`
    """

    id: str
    trace: str
    """Path of the trace, relative to the folder."""
    answer: str
    """Variable id of the answer."""
    scope: str
    question_id: str
    question: str
    gold: str | None
    prediction: str
    evidence: tuple[str, ...] = ()
    system: str = ""
    category: str = ""
    judged: bool | None = None
    suspects: tuple[Mapping[str, Any], ...] = ()
    """What attribution suggests, with its evidence: a help, not a label."""
    log: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The row of `cases.jsonl`."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotated:
    """What one annotator said of one case.

    Example: `Annotated(case="0007", annotator="ana", label=Label(operations=("op-20",), ...))`
    """

    case: str
    annotator: str
    label: Label
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairAgreement:
    """How far two annotators agree on the cases that both did."""

    left: str
    right: str
    cases: int
    operation: float
    """Share with the same operations."""
    operation_kappa: float | None
    error_type: float
    error_type_kappa: float | None


def read_cases(folder: Path) -> list[BuiltCase]:
    """The cases of a folder.

    Raises:
        UserError: There are none.
        DataError: A row is malformed.
    """
    path = folder / CASES
    if not path.is_file():
        raise UserError(f"{folder}: expected {CASES}, as memtrace-bench-build writes it; got none")
    return [_case(row) for row in read_rows(path)]


def read_annotations_of(folder: Path, cases: Mapping[str, BuiltCase]) -> list[Annotated]:
    """All annotations that were filled in; rows with an empty verdict are still to do.

    Raises:
        DataError: A row is malformed, is of no case, or contradicts itself.
    """
    found: list[Annotated] = []
    for path in sorted((folder / FOLDER).glob("*.jsonl")):
        seen: set[str] = set()
        for row in read_rows(path):
            annotated = read_annotation(row, path.stem, cases)
            if annotated is None:
                continue
            if annotated.case in seen:
                raise row.error(f"expected each case once; {annotated.case!r} came before", "case")
            seen.add(annotated.case)
            found.append(annotated)
    return found


def read_annotation(row: Row, annotator: str, cases: Mapping[str, BuiltCase]) -> Annotated | None:
    """One filled-in form; None: its verdict is empty, it is still to do.

    Args:
        row: The form.
        annotator: Who filled it in.
        cases: By id.

    Raises:
        DataError: It is malformed, is of no case, or contradicts itself.
    """
    case, verdict = row.text("case"), row.text("verdict")
    if case not in cases:
        raise row.error(f"expected the id of a case in {CASES}; got {case!r}", "case")
    if not verdict:
        return None
    if verdict not in _VERDICTS:
        raise row.error(f"expected one of {', '.join(_VERDICTS)}; got {verdict!r}", "verdict")
    label = Label(
        operations=row.texts("operations"), verdict=Verdict(verdict),
        error_types=tuple(_error_type(row, one) for one in row.texts("error_types")),
    )  # fmt: skip
    _check(row, label)
    return Annotated(case=case, annotator=annotator, label=label, reason=row.text_or("reason"))


def check_operations(
    folder: Path, cases: Mapping[str, BuiltCase], annotations: Iterable[Annotated]
) -> None:
    """Refuse labels that name an operation which the case's trace does not have.

    Raises:
        UserError: Names annotator, case and operation.
    """
    named: dict[str, list[Annotated]] = {}
    for one in annotations:
        if one.label.operations:
            named.setdefault(cases[one.case].trace, []).append(one)
    for path, those in named.items():
        with open_trace(folder / path) as trace:
            for one in those:
                for operation in one.label.operations:
                    if not trace.graph.has_operation(operation):
                        raise UserError(
                            f"{folder / FOLDER / one.annotator}.jsonl, case {one.case!r}, field "
                            f"'operations': expected ids of operations in {path} (memtrace-show "
                            f"lists them); got {operation!r}"
                        )


def agreed(annotations: Iterable[Annotated]) -> dict[str, Label]:
    """The label that more than half of a case's annotators gave, by case."""
    votes: dict[str, list[Label]] = {}
    for one in annotations:
        votes.setdefault(one.case, []).append(one.label)
    return {
        case: label
        for case, labels in votes.items()
        for label, count in [Counter(labels).most_common(1)[0]]
        if 2 * count > len(labels)
    }


def agreement(annotations: Sequence[Annotated]) -> list[PairAgreement]:
    """Every pair of annotators that share a case."""
    by_person: dict[str, dict[str, Label]] = {}
    for one in annotations:
        by_person.setdefault(one.annotator, {})[one.case] = one.label
    found = []
    for left, right in combinations(sorted(by_person), 2):
        common = sorted(by_person[left].keys() & by_person[right].keys())
        if common:
            mine, theirs = ([by_person[who][case] for case in common] for who in (left, right))
            found.append(_pair(left, right, mine, theirs))
    return found


def _pair(left: str, right: str, mine: list[Label], theirs: list[Label]) -> PairAgreement:
    operations = [[label.operations for label in side] for side in (mine, theirs)]
    types = [[label.error_types or (label.verdict,) for label in side] for side in (mine, theirs)]
    return PairAgreement(
        left=left, right=right, cases=len(mine),
        operation=_same(*operations), operation_kappa=cohen_kappa(*operations),
        error_type=_same(*types), error_type_kappa=cohen_kappa(*types),
    )  # fmt: skip


def _same(left: Sequence[object], right: Sequence[object]) -> float:
    return sum(a == b for a, b in zip(left, right, strict=True)) / len(left)


def _case(row: Row) -> BuiltCase:
    return BuiltCase(
        id=row.text("id"), trace=row.text("trace"), answer=row.text("answer"),
        scope=row.text("scope"), question_id=row.text("question_id"),
        question=row.text("question"), gold=row.text("gold") if row.has("gold") else None,
        prediction=row.text("prediction"), evidence=row.texts("evidence"),
        system=row.text_or("system"), category=row.text_or("category"),
        judged=row.boolean("judged") if row.has("judged") else None,
        suspects=tuple(one.value for one in row.rows("suspects")), log=row.texts("log"),
    )  # fmt: skip


def _error_type(row: Row, word: str) -> ErrorType:
    if word not in tuple(ErrorType):
        raise row.error(f"expected some of {', '.join(ErrorType)}; got {word!r}", "error_types")
    return ErrorType(word)


def _check(row: Row, label: Label) -> None:
    """An annotation says one thing, and all of it."""
    if label.verdict is Verdict.MEMORY:
        if not label.operations:
            raise row.error("expected at least one operation id; got none", "operations")
        if len(label.error_types) != len(label.operations):
            raise row.error(
                f"expected one error type for each of {len(label.operations)} operations; got "
                f"{len(label.error_types)}", "error_types",
            )  # fmt: skip
        if wrong := [one for one in label.error_types if not one.is_memory_error]:
            raise row.error(f"expected errors of the memory; got {wrong[0]!s}", "error_types")
    elif label.operations:
        raise row.error(f"expected no operation with {label.verdict.value!r}", "operations")
