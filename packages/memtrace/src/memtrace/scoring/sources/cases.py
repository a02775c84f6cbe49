"""Annotated cases as a source: what `memtrace-bench-build` wrote and people filled in.

In: the folder of cases, with one file of annotations an annotator. Out: one case a row, labelled
by the majority of its annotators; without annotations, or without a majority, it has no label.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from memtrace.attribution.case import Question
from memtrace.scoring.annotating import BuiltCase, agreed, read_annotations_of, read_cases
from memtrace.scoring.sources.keeping import Keeper, Reopening
from memtrace.scoring.sources.traces import OpenRun, open_run
from memtrace.scoring.types import CaseRef, Loaded

__all__ = ["CasesSource"]


class CasesSource(Reopening[OpenRun]):
    """Cases of `memtrace-bench-build`.

    Args:
        path: The folder.
        llm: Configuration of the model for replays; None: the recorded one.
        replays: Whether to replay at all.
        labelled: Only cases on which the annotators agree by majority.

    Raises:
        UserError: There are no cases, or an annotation is wrong.
    """

    name = "cases"

    def __init__(
        self, path: str | Path, *, llm: Any = None, replays: bool = True, labelled: bool = False
    ) -> None:
        self.path = Path(path)
        self._llm, self._replays = llm, replays
        self._cases: dict[str, BuiltCase] = {case.id: case for case in read_cases(self.path)}
        self._labels = agreed(read_annotations_of(self.path, self._cases))
        if labelled:
            self._cases = {key: one for key, one in self._cases.items() if key in self._labels}
        if not self._cases:
            raise UserError(f"{path}: expected cases that annotators agree on; got none")
        self._keeper = Keeper(self._open)

    def refs(self) -> Sequence[CaseRef]:
        """All cases, trace by trace."""
        ordered = sorted(self._cases.values(), key=lambda case: case.trace)
        return [
            CaseRef(
                id=case.id, bundle=str(self.path / case.trace),
                groups={"system": case.system, "category": case.category or "-"},
            )
            for case in ordered
        ]  # fmt: skip

    @contextmanager
    def load(self, ref: CaseRef) -> Iterator[Loaded]:
        """Open one case."""
        case, run = self._cases[ref.id], self._keeper.get(ref.bundle)
        yield Loaded(
            ref=ref, reader=run.reader, laboratory=run.laboratory, obstacle=run.obstacle,
            scope=case.scope, question_id=case.question_id, label=self._labels.get(case.id),
            question=Question(
                answer=case.answer, gold=case.gold, evidence=case.evidence or None,
                text=case.question, judged=case.judged,
            ),
        )  # fmt: skip

    def close(self) -> None:
        """Close the trace that is open."""
        self._keeper.close()

    @contextmanager
    def _open(self, file: str) -> Iterator[OpenRun]:
        with open_run(Path(file), llm=self._llm, replays=self._replays) as run:
            yield run
