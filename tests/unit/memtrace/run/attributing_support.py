"""A source for the tests of `memtrace-attribute`: tiny traces, some of which make trouble."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import memtrace
from memtrace.attribution import Question, TraceReader
from memtrace.scoring import CaseRef, Label, Loaded


@dataclass
class ToySource:
    """Cases by what they do: `lost` (the context loses the fact), `raise`, `die`."""

    cases: tuple[str, ...]
    name: str = "toy"

    def refs(self) -> Sequence[CaseRef]:
        return [
            CaseRef(id=f"{number}-{what}", bundle="all", groups={"what": what})
            for number, what in enumerate(self.cases)
        ]

    @contextmanager
    def load(self, ref: CaseRef) -> Iterator[Loaded]:
        what = ref.groups["what"]
        if what == "raise":
            raise ValueError("this trace is damaged")
        if what == "die":
            os._exit(9)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "trace.db"
            made = record_case(path)
            with memtrace.open(path) as trace:
                yield Loaded(
                    ref=ref, reader=TraceReader(trace),
                    question=Question(
                        answer=made["answer"], gold="Lisbon", evidence=("D1:1",), judged=False,
                        text="Where does Ana live?",
                    ),
                    label=Label(
                        operations=(made["context"],),
                        error_types=(memtrace.attribution.ErrorType.RETRIEVAL,),
                    ),
                )  # fmt: skip


def record_case(path: Path) -> dict[str, str]:
    """A message is stored and retrieved; the context leaves it out; the answer is wrong."""
    with memtrace.record(path):
        said = memtrace.variable("Ana: I moved to Lisbon.", kind="message", name="D1:1")
        question = memtrace.variable("Where does Ana live?", kind="question", name="q1")
        with memtrace.step("append", kind="ingest", inputs={"messages": said}) as op:
            item = op.output("item", "Ana: I moved to Lisbon.", kind="memory_item", item="m1")
        with memtrace.step(
            "retrieve", kind="retrieval", inputs={"query": question, "items": item}
        ) as op:
            hits = op.output("hits", "Ana: I moved to Lisbon.", kind="hit")
        with memtrace.step(
            "build_context", kind="context", inputs={"hits": hits, "query": question}
        ) as op:
            context = op.output("context", "Ana: I like tea.")
            built = op.id
        with memtrace.step(
            "answer", kind="answer", inputs={"context": context, "question": question}
        ) as op:
            answer = op.output("answer", "I do not know.")
    assert built is not None
    assert answer.id is not None
    return {"answer": answer.id, "context": built}
