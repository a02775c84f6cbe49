"""The answers in a trace of a program of the user's own, with the questions they are to.

In: a trace. Out: one `ProgramAnswer` for each operation of kind `answer` that gave one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lmcommon.errors import UserError
from lmcommon.judge.types import Verdict
from memtrace.evaluate.types import Episode
from memtrace.execution.places import Place
from memtrace.execution.replies import place_of
from memtrace.graph.reading.trace import Trace

__all__ = ["ProgramAnswer", "chosen_answer", "program_answers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramAnswer:
    """One answer.

    Example: `ProgramAnswer(variable="var-40", place=Place("program", "answer 0/answer#0"),
    question="Where does Ana live?", text="Porto")`
    """

    variable: str
    place: Place | None
    """None: the operation was recorded without a place, so no re-run can find it again."""
    question: str
    """Empty: no question is among what it was made from."""
    text: str

    def to_episode(self) -> Episode:
        """As replays tell answers; nobody has judged it."""
        place = self.place or Place("", "")
        return Episode(
            system=place.scope, conversation=place.scope, question=place.path,
            text=self.question, category="", gold=None, evidence=(), prediction=self.text,
            verdict=Verdict(satisfied=None, source="program", failure="not judged"),
            answer=self.variable,
        )  # fmt: skip


def program_answers(trace: Trace) -> Iterator[ProgramAnswer]:
    """The answers of a trace, in order."""
    for operation in trace.operations(kind="answer"):
        for made in operation.outputs.get("answer", ()):
            yield ProgramAnswer(
                variable=made, place=place_of(operation), question=_question(trace, made),
                text=str(trace.value(made)),
            )  # fmt: skip


def chosen_answer(trace: Trace, question: str | None = None) -> ProgramAnswer:
    """The last answer of a trace.

    Args:
        trace: The trace.
        question: The last one to this question; None: to any.

    Raises:
        UserError: There is none; says which questions there are.
    """
    found = list(program_answers(trace))
    wanted = [one for one in found if question in (None, one.question)]
    if wanted:
        return wanted[-1]
    asked = ", ".join(repr(one.question) for one in found)
    raise UserError(
        f"{trace.path}: expected an answer{'' if question is None else f' to {question!r}'}; got "
        f"{asked or 'no operation of kind answer'}; decorate the function that answers with "
        "memtrace.replayable"
    )


def _question(trace: Trace, answer: str) -> str:
    """The last question behind an answer."""
    behind = trace.graph.upstream(answer).variables
    asked = [one for one in trace.variables(ids=behind) if one.kind == "question"]
    return str(trace.value(max(asked, key=lambda one: one.seq).id)) if asked else ""
