"""MemTraceBench as a source: graphs of other people's runs with human labels.

In: a file of the benchmark or a folder of such (a split, or all of them). Out: one case an
annotation. The files are big: one graph at a time is imported into a temporary trace, which is
gone when a case of another graph is loaded. Labels outside the memory (annotation, judge) make
controls. There is no laboratory: nobody can run these systems again as they were.

The graphs name values by content, so unrelated questions share nodes; the importer takes them
apart operation by operation, and an annotation is linked to the answer made for its own question.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lmcommon.errors import UserError
from memtrace.attribution.case import Question
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.taxonomy import ErrorType
from memtrace.attribution.types import Verdict
from memtrace.graph.reading.trace import open as open_trace
from memtrace.interchange.json_stream import parts
from memtrace.interchange.smartcomment.annotations import Annotation, read_annotations
from memtrace.interchange.smartcomment.files import import_memtracebench
from memtrace.scoring.sources.keeping import Keeper, Reopening
from memtrace.scoring.types import CaseRef, Label, Loaded

__all__ = ["MemTraceBenchSource", "error_type_named"]


@dataclass(frozen=True, slots=True)
class _Graph:
    """An imported file."""

    reader: TraceReader
    annotations: tuple[Annotation, ...]


class MemTraceBenchSource(Reopening[_Graph]):
    """Annotated failures of MemTraceBench.

    Args:
        path: A file, or a folder that is searched for `*.json`.

    Raises:
        UserError: There is no such file.
    """

    name = "memtracebench"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.files = [self.path] if self.path.is_file() else sorted(self.path.rglob("*.json"))
        if not self.files:
            raise UserError(
                f"source.path: expected files of MemTraceBench (*.json); got {str(self.path)!r}"
            )
        self._keeper = Keeper(self._open)

    def _open(self, name: str) -> AbstractContextManager[_Graph]:
        return _imported(name)

    def refs(self) -> Sequence[CaseRef]:
        """All annotations, file by file. Reads through every file once.

        Raises:
            UserError: There is no annotation in any of them.
        """
        found = [ref for file in self.files for ref in self._refs(file)]
        if not found:
            raise UserError(f"{self.path}: expected annotations in data.annotations; got none")
        return found

    @contextmanager
    def load(self, ref: CaseRef) -> Iterator[Loaded]:
        """Import the graph of a case, if it is not the one that is there.

        Raises:
            UserError: The annotation names no answer of the graph.
        """
        graph = self._keeper.get(ref.bundle)
        annotation = graph.annotations[int(ref.id.rpartition("#")[2])]
        if annotation.prediction is None:
            raise UserError(
                f"{ref.id}: expected prediction_id to name a node of the graph; got "
                f"{annotation.record.get('prediction_id')!r}"
            )
        yield Loaded(
            ref=ref, reader=graph.reader, label=_label(annotation),
            question=_question(annotation, annotation.prediction, graph.reader),
        )  # fmt: skip

    def close(self) -> None:
        """Drop the graph that is open."""
        self._keeper.close()

    def _refs(self, file: Path) -> Iterator[CaseRef]:
        inside = file.relative_to(self.path) if file != self.path else Path(file.name)
        records = (one.value for one in parts(file) if one.name == "annotations"
                   and one.kind == "entry")  # fmt: skip
        for place, record in enumerate(one for one in records if isinstance(one, dict)):
            yield CaseRef(
                id=f"{inside.with_suffix('')}#{place}", bundle=str(file),
                groups={
                    "system": inside.parent.name or "-",
                    "dataset": inside.name.partition("_")[0],
                    "label": str(record.get("final_error_type")),
                },
            )  # fmt: skip


@contextmanager
def _imported(file: str) -> Iterator[_Graph]:
    with TemporaryDirectory(prefix="memtrace-bench-") as folder:
        path = Path(folder) / "trace.db"
        import_memtracebench(file, path)
        with open_trace(path) as trace:
            yield _Graph(TraceReader(trace), read_annotations(trace))


def _question(annotation: Annotation, answer: str, reader: TraceReader) -> Question:
    record = annotation.record
    names = [reader.variable(one).name for one in annotation.evidence]
    evidence = tuple(name for name in names if name)
    text = record.get("query")
    return Question(
        answer=answer, gold=_gold(record.get("golden_answers")), evidence=evidence or None,
        text=text if isinstance(text, str) else None, judged=False,
    )  # fmt: skip


def _gold(value: Any) -> str | None:
    """A text or a list of texts, joined as the benchmark's own graphs do."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or None
    return None if value is None else str(value)


def _label(annotation: Annotation) -> Label | None:
    """The human label; None for one of a sort we do not know."""
    error_type = error_type_named(annotation.error_type or "")
    if error_type is None:
        return None
    operations = () if annotation.operation is None else (annotation.operation,)
    if not error_type.is_memory_error:
        operations = ()
    return Label(operations=operations, error_types=(error_type,), verdict=Verdict.of(error_type))


def error_type_named(name: str) -> ErrorType | None:
    """`ExtractionError`, `extraction_error` or `extraction` as an error type; None: unknown."""
    word = name.lower().replace("_", "").replace(" ", "").removesuffix("error")
    word = "judge" if word == "llmasajudge" else word
    return next((one for one in ErrorType if one.value == word), None)
