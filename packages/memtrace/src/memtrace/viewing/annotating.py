"""Annotations that people make on the page: forms in a folder beside the trace.

In: what an annotator says of an answer. Out: `cases.jsonl` and `annotations/<annotator>.jsonl`, as
`memtrace-bench-build` keeps them, so that its check, its export and `source=cases` of
memtrace-attribute read them too. A case is made when its first annotation is. A later word of an
annotator on a case takes the place of his earlier one; a word that contradicts itself is refused.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lmcommon.data.files import read_rows, write_jsonl
from lmcommon.data.rows import Row
from lmcommon.errors import DataError, UserError
from memtrace.scoring.annotating import (
    CASES,
    FOLDER,
    Annotated,
    BuiltCase,
    agreed,
    agreement,
    check_operations,
    read_annotation,
    read_annotations_of,
    read_cases,
)
from memtrace.viewing.opened import Opened
from memtrace.viewing.questions import AskedAnswer
from memtrace.viewing.types import RefusedError

__all__ = ["Annotations"]

_FIELDS = ("answer", "annotator", "verdict", "operations", "error_types", "reason")
_LONGEST = 20_000


class Annotations:
    """Annotations of one trace, in `<trace>.annotations/`.

    Args:
        opened: The trace.
        annotators: Who may annotate.
    """

    def __init__(self, opened: Opened, annotators: Sequence[str]) -> None:
        self._opened, self.annotators = opened, tuple(annotators)
        self.folder = opened.path.with_name(f"{opened.path.name}.annotations")
        self._lock = threading.Lock()

    def of(self, answer: str) -> list[dict[str, Any]]:
        """What was said of an answer; of all answers, if it is empty."""
        with self._lock:
            cases, annotations = self._read()
        return [
            self._row(cases[one.case], one)
            for one in annotations
            if not answer or cases[one.case].answer == answer
        ]

    def known(self) -> list[str]:
        """Everybody who may annotate or has."""
        names = {path.stem for path in (self.folder / FOLDER).glob("*.jsonl")}
        return list(dict.fromkeys([*self.annotators, *sorted(names)]))

    def agreement(self) -> dict[str, Any]:
        """How far annotators agree, and on which answers there is no majority."""
        with self._lock:
            cases, annotations = self._read()
        labels, done = agreed(annotations), {one.case for one in annotations}
        return {
            "annotated": len(done), "labelled": len(labels),
            "annotators": sorted({one.annotator for one in annotations}),
            "pairs": [asdict(one) for one in agreement(annotations)],
            "open": [cases[case].answer for case in sorted(done - labels.keys())],
        }  # fmt: skip

    def add(self, body: Mapping[str, Any], suggested: Mapping[str, Any] | None) -> dict[str, Any]:
        """Keep what an annotator says of an answer.

        Args:
            body: answer, annotator, verdict, operations, error_types, reason.
            suggested: The attribution that was shown, as JSON.

        Raises:
            RefusedError: He may not, or the answer is none.
            UserError: What he says is malformed, or contradicts itself.
        """
        try:
            return self._add(self._checked(body), body, suggested)
        except DataError as error:  # which field, and not of which file
            raise RefusedError(f"{error.field}: {error.problem}; correct it") from error

    def export(self) -> dict[str, Any]:
        """Write what annotators agree on as a MemTraceBench file.

        Raises:
            RefusedError: There is nothing to write.
            UserError: An annotation names an operation that the trace does not have.
        """
        from memtrace.scoring.bench_exporting import export_cases

        with self._lock:
            cases, annotations = self._read()
            check_operations(self.folder, cases, annotations)
            labels = agreed(annotations)
            try:
                written = export_cases(self.folder, cases, labels, annotations)
            except ValueError as error:  # an imported trace has labels of its own
                raise RefusedError(
                    f"annotations: {error}; its labels cannot be mixed", 409
                ) from error
        if not written:
            raise RefusedError(
                "annotations: expected a failure on whose label more than half of its annotators "
                "agree; there is none yet; annotate first", 409,
            )  # fmt: skip
        return {"path": str(written[0]), "annotations": len(labels)}

    # Inside ---------------------------------------------------------------------------------

    def _add(
        self, row: Row, body: Mapping[str, Any], suggested: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        from memtrace.scoring.bench_building import form_row

        asked = self._opened.find(row.text("answer"))
        annotator = row.text("annotator")
        with self._lock:
            cases, _ = self._read()
            case = next((one for one in cases.values() if one.answer == asked.answer), None)
            fresh = case is None
            if case is None:
                case = self._case(asked, len(cases), suggested)
            said = {key: body.get(key, []) for key in ("operations", "error_types")}
            form = {**form_row(case), "verdict": row.text("verdict"), **said,
                    "reason": _whole(row.text_or("reason"))[:_LONGEST]}  # fmt: skip
            known = {**cases, case.id: case}
            annotated = read_annotation(Row(form, "annotation", 0), annotator, known)
            if annotated is None:
                raise RefusedError("verdict: expected a verdict; got none; choose one")
            self._check_operations(annotated)
            if fresh:
                write_jsonl(self.folder / CASES, (one.to_dict() for one in known.values()))
            self._keep(annotator, form)
            return self._row(case, annotated)

    def _read(self) -> tuple[dict[str, BuiltCase], list[Annotated]]:
        if not (self.folder / CASES).is_file():
            return {}, []
        cases = {case.id: case for case in read_cases(self.folder)}
        return cases, read_annotations_of(self.folder, cases)

    def _checked(self, body: Mapping[str, Any]) -> Row:
        row = Row(body, "annotation", 0)
        if unknown := sorted(body.keys() - set(_FIELDS)):
            raise RefusedError(
                f"annotations: expected {', '.join(_FIELDS)}; got {unknown[0]!r}; leave it out"
            )
        if row.text("annotator") not in self.annotators:
            known = ", ".join(self.annotators) or "nobody"
            raise RefusedError(
                f"annotator: expected one who may annotate ({known}); got "
                f"{row.text('annotator')!r}; start the page with 'annotate=[NAME]'", 403,
            )  # fmt: skip
        return row

    def _case(
        self, asked: AskedAnswer, number: int, suggested: Mapping[str, Any] | None
    ) -> BuiltCase:
        question, gold, prediction = self._opened.texts(asked)
        said = suggested or {}
        return BuiltCase(
            id=f"{number:04d}", trace=os.path.join("..", self._opened.path.name),
            answer=asked.answer, scope=asked.scope, question_id=asked.question_id,
            question=_whole(question), gold=None if gold is None else _whole(gold),
            prediction=_whole(prediction), evidence=asked.evidence,
            system=asked.scope.partition("/")[0], category=asked.category,
            judged={"right": True, "wrong": False}.get(asked.verdict),
            suspects=tuple(dict(one) for one in said.get("suspects", [])[:3]),
            log=tuple(said.get("log", ())),
        )  # fmt: skip

    def _check_operations(self, annotated: Annotated) -> None:
        for operation in annotated.label.operations:
            if not self._opened.trace.graph.has_operation(operation):
                raise UserError(
                    f"operations: expected ids of operations of the trace; got {operation!r}; "
                    "click on an operation to take its id"
                )

    def _keep(self, annotator: str, form: Mapping[str, Any]) -> None:
        path = self.folder / FOLDER / f"{annotator}.jsonl"
        before = [row.value for row in read_rows(path)] if path.is_file() else []
        kept = [row for row in before if row.get("case") != form["case"]]
        write_jsonl(path, [*kept, form])

    def _row(self, case: BuiltCase, one: Annotated) -> dict[str, Any]:
        return {
            "answer": case.answer, "question": case.question, "case": case.id,
            "annotator": one.annotator,
            "verdict": one.label.verdict, "operations": list(one.label.operations),
            "error_types": list(one.label.error_types), "reason": one.reason,
        }  # fmt: skip


def _whole(text: str) -> str:
    """A text that UTF-8 can say: half a surrogate pair is replaced."""
    return text.encode("utf-8", "replace").decode()
