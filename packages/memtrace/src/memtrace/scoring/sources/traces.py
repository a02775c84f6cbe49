"""Recorded runs as a source: every failed answer, without labels, with the run as a laboratory.

In: a trace, a run folder, or a folder of runs. Out: one case a wrong answer (or every judged one).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from memtrace.attribution.reader import TraceReader
from memtrace.graph.reading.trace import Trace
from memtrace.graph.reading.trace import open as open_trace
from memtrace.memory.specs import LLM, config_from
from memtrace.replaying.replayer import Replayer
from memtrace.scoring.sources.asked import AskedQuestion, asked_questions
from memtrace.scoring.sources.keeping import Keeper, Reopening
from memtrace.scoring.types import CaseRef, Loaded

__all__ = ["OpenRun", "TraceSource", "open_run", "trace_files"]


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A trace that is open, with what can be done with it."""

    reader: TraceReader
    asked: dict[str, AskedQuestion]
    """By the variable of the answer."""
    laboratory: Replayer | None
    obstacle: str
    """Why there is no laboratory."""


class TraceSource(Reopening[OpenRun]):
    """Wrong answers of recorded runs.

    Args:
        path: A trace, a run folder that holds `trace.db`, or a folder of such.
        question: Only the question of this id (of `c1:q3` also `q3`); None: all wrong ones.
        every: All judged questions, right ones too.
        llm: Configuration of the model that answers what a replay asks anew; None: the model the
            trace was recorded with.
        replays: Whether to replay at all.

    Raises:
        UserError: There is no trace.
    """

    name = "trace"

    def __init__(
        self, path: str | Path, *, question: str | None = None, every: bool = False,
        llm: Any = None, replays: bool = True,
    ) -> None:  # fmt: skip
        self.path = Path(path)
        self.question, self.every = question, every
        self._llm, self._replays = llm, replays
        self.files = trace_files(self.path)
        self._keeper = Keeper(self._open)

    def refs(self) -> Sequence[CaseRef]:
        """All cases, trace by trace.

        Raises:
            UserError: The question was not asked, or nothing was judged.
        """
        found = [ref for file in self.files for ref in self._refs(file)]
        if not found:
            raise UserError(f"{self.path}: {self._nothing()}")
        return found

    def _nothing(self) -> str:
        if self.question is None:
            hint = (
                ""
                if self.every
                else "; with memtrace-attribute, source.every=true takes right ones too"
            )
            return f"expected answers that were judged wrong; got none{hint}"
        asked = [one.id for file in self.files for one in self._asked(file)]
        return (
            f"source.question: expected the id of a judged question, such as "
            f"{', '.join(asked[:8]) or '(there are none)'}; got {self.question!r}"
        )

    @contextmanager
    def load(self, ref: CaseRef) -> Iterator[Loaded]:
        """Open one case. The trace stays open for the next one of it."""
        run = self._keeper.get(ref.bundle)
        asked = run.asked[ref.id.rpartition("/")[2]]
        yield Loaded(
            ref=ref, reader=run.reader, question=asked.told, laboratory=run.laboratory,
            obstacle=run.obstacle, scope=asked.scope, question_id=asked.id,
        )  # fmt: skip

    def close(self) -> None:
        """Close the trace that is open."""
        self._keeper.close()

    def _asked(self, file: Path) -> Iterator[AskedQuestion]:
        with open_trace(file) as trace:
            yield from asked_questions(trace)

    def _refs(self, file: Path) -> Iterator[CaseRef]:
        for asked in self._asked(file):
            is_wanted = self.every or asked.told.judged is False
            if self.question is not None:
                is_wanted = self.question in (asked.id, asked.id.rpartition(":")[2])
            if is_wanted:
                yield CaseRef(
                    id=self._id(file, asked), bundle=str(file),
                    groups={
                        "system": asked.system, "category": asked.category or "-",
                        "length": asked.length,
                    },
                )  # fmt: skip

    def _id(self, file: Path, asked: AskedQuestion) -> str:
        """Which run (where there are several), memory, question and answer."""
        run = "" if len(self.files) == 1 else f"{file.parent.name}/"
        return f"{run}{asked.scope}/{asked.id}/{asked.told.answer}"

    @contextmanager
    def _open(self, file: str) -> Iterator[OpenRun]:
        with open_run(Path(file), llm=self._llm, replays=self._replays) as run:
            yield run


def trace_files(path: Path) -> list[Path]:
    """The trace at a path: the file, that of a run folder, or those of a folder of runs.

    Raises:
        UserError: There is none.
    """
    if path.is_file():
        return [path]
    found = [path / "trace.db"] if (path / "trace.db").is_file() else sorted(
        path.glob("*/trace.db")
    )  # fmt: skip
    if not found:
        raise UserError(
            f"{path}: expected a trace, or a run folder of memtrace-trace; there is none"
        )
    return found


@contextmanager
def open_run(file: Path, *, llm: Any = None, replays: bool = True) -> Iterator[OpenRun]:
    """Open a trace with its judged questions, and as a laboratory where it can be replayed.

    Args:
        file: The trace.
        llm: Configuration of the model for replays; None: the recorded one.
        replays: Whether a laboratory is wanted.
    """
    with ExitStack() as stack:
        trace = stack.enter_context(open_trace(file))
        laboratory, obstacle = None, "replays were not asked for"
        if replays:
            laboratory, obstacle = _laboratory(trace, llm, stack)
        yield OpenRun(
            TraceReader(trace), {one.told.answer: one for one in asked_questions(trace)},
            laboratory, obstacle,
        )  # fmt: skip


def _laboratory(trace: Trace, llm: Any, stack: ExitStack) -> tuple[Replayer | None, str]:
    """A replayer with a model; None with the reason where the trace or the model does not serve."""
    recorded = trace.metadata.get(LLM)
    config = llm if llm is not None or recorded is None else config_from(recorded)
    try:
        model = None if config is None else config.build()
        if model is not None:
            stack.callback(model.close)
            model.check()
        return stack.enter_context(Replayer(trace, model=model)), ""
    except UserError as error:
        if llm is not None:  # it was asked for by name
            raise
        return None, str(error)
