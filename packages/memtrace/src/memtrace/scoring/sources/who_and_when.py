"""Who&When as a source: failed logs of agents, far from any memory. An out-of-domain check.

In: the logs. Out: one case a log. Each log becomes a small trace, a chain: the step of an agent is
an operation under the agent's name, which reads the message before it and the question, and makes
its own message. The last message is the answer. A label is the operation of the decisive step and
the agent's name; there is no error type, and no laboratory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from lmcommon.data.who_and_when import AgentLog, read_who_and_when
from lmcommon.errors import UserError
from memtrace.attribution.case import Question
from memtrace.attribution.reader import TraceReader
from memtrace.graph.reading.trace import open as open_trace
from memtrace.graph.recording.tracing import record, step, variable
from memtrace.scoring.types import CaseRef, Label, Loaded

__all__ = ["WhoAndWhenSource", "record_log"]


class WhoAndWhenSource:
    """The logs of a file or folder.

    Args:
        path: `algorithm_generated.jsonl.gz`, a folder of such, or the folder of upstream files.

    Raises:
        UserError: Nothing is there.
        DataError: A row is malformed.
    """

    name = "who_and_when"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._logs = {log.id: log for log in read_who_and_when(path)}
        if not self._logs:
            raise UserError(f"source.path: expected at least one log; {path} holds none")

    def refs(self) -> Sequence[CaseRef]:
        """All logs."""
        return [
            CaseRef(id=log.id, bundle=log.id, groups={
                "set": log.source, "steps": _length(len(log.steps)),
            })
            for log in self._logs.values()
        ]  # fmt: skip

    @contextmanager
    def load(self, ref: CaseRef) -> Iterator[Loaded]:
        """Write one log as a trace, gone after the block."""
        log = self._logs[ref.id]
        with TemporaryDirectory(prefix="memtrace-log-") as folder:
            path = Path(folder) / "trace.db"
            answer = record_log(log, path)
            with open_trace(path) as trace:
                decisive = list(trace.operations(kind="agent"))[log.mistake_step]
                yield Loaded(
                    ref=ref, reader=TraceReader(trace),
                    question=Question(
                        answer=answer, gold=log.gold, text=log.question, judged=False
                    ),
                    label=Label(operations=(decisive.id,), names=(log.mistake_agent,)),
                )  # fmt: skip


def record_log(log: AgentLog, path: Path) -> str:
    """Write a log as a trace: one operation a step, each reading the step before.

    Returns:
        The variable of the last message.
    """
    with record(path):
        question = variable(log.question, kind="question", name="question")
        said = None
        for place, said_by in enumerate(log.steps):
            inputs = {"question": question} if said is None else {
                "question": question, "before": said,
            }  # fmt: skip
            is_last = place == len(log.steps) - 1
            with step(said_by.agent or "agent", kind="agent", inputs=inputs) as op:
                said = op.output(
                    "message", said_by.text, kind="answer" if is_last else "message",
                    name=f"step {place}",
                )  # fmt: skip
    assert said is not None
    assert said.id is not None
    return said.id


def _length(steps: int) -> str:
    for limit in (10, 25, 50):
        if steps <= limit:
            return f"up to {limit}"
    return "more than 50"
