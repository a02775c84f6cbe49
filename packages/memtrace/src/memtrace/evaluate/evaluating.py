"""Running a memory system over a conversation's questions, and judging the answers.

In: a memory, a conversation, an answer judge. Out: one `Episode` a question, as soon as its batch
is judged. Under a recording everything is traced, the judge included. A model call or a judge that
fails makes an unscored episode, never a wrong one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from lmcommon.data.types import Conversation, Question
from lmcommon.judge.base import AnswerItem, AnswerJudge
from lmcommon.judge.types import Verdict
from lmcommon.llm.types import ChatResponse
from memtrace.evaluate.stages import Stage, schedule
from memtrace.evaluate.types import Episode
from memtrace.execution.places import within
from memtrace.execution.stage import Stage as Operation
from memtrace.graph.recording.tracing import variable
from memtrace.memory.base import MemorySystem
from memtrace.memory.types import Answer, BrokenMemoryError, Query

__all__ = ["evaluate", "run_stages"]


def evaluate(
    system: MemorySystem, conversation: Conversation, judge: AnswerJudge, *,
    questions: Sequence[Question] | None = None, done: Collection[str] = (), batch_size: int = 32,
) -> Iterator[Episode]:  # fmt: skip
    """Feed a conversation to an empty memory and ask its questions on the way.

    Args:
        system: An empty memory.
        conversation: History and questions.
        judge: Compares answers with gold answers.
        questions: Which questions to ask; None: all of the conversation's.
        done: Ids of questions that need not be asked again (a resumed run). The history is still
            taken in, as far as an unanswered question needs it.
        batch_size: Questions answered together.
    """
    chosen = [
        question
        for question in (conversation.questions if questions is None else questions)
        if question.id not in done
    ]
    stages = schedule(conversation, chosen)
    return run_stages(system, stages, judge, conversation.id, batch_size=batch_size)


def run_stages(
    system: MemorySystem, stages: Iterable[Stage], judge: AnswerJudge | None, conversation: str, *,
    batch_size: int = 32,
) -> Iterator[Episode]:  # fmt: skip
    """Take stages in, one after the other, and ask their questions.

    A system that breaks down leaves the rest of its questions unscored.

    Args:
        system: A memory.
        stages: Sessions and questions, in order.
        judge: Compares answers with gold answers; None: they stay unscored.
        conversation: Id of the conversation, for the episodes.
        batch_size: Questions answered together.
    """
    broken: BrokenMemoryError | None = None
    for stage in stages:
        for session in stage.sessions:
            if broken is None:
                try:
                    system.add(session)
                except BrokenMemoryError as error:
                    broken = error
        for first in range(0, len(stage.questions), batch_size):
            batch = stage.questions[first : first + batch_size]
            answers, broken = _answers(system, batch, broken)
            with within("judging", scope=system.scope):
                verdicts = _judged(judge, batch, answers)
            for question, answer, verdict in zip(batch, answers, verdicts, strict=True):
                if judge is not None:
                    with within(_query(question).key, scope=system.scope):
                        _record_verdict(judge, question, answer, verdict)
                yield _episode(system, conversation, question, answer, verdict)


def _query(question: Question) -> Query:
    return Query(question.text, id=question.id, time=question.time)


def _answers(
    system: MemorySystem, questions: Sequence[Question], broken: BrokenMemoryError | None
) -> tuple[list[Answer], BrokenMemoryError | None]:
    """The answers, and why the system cannot go on, if it cannot."""
    if broken is None:
        try:
            return system.answer([_query(question) for question in questions]), None
        except BrokenMemoryError as error:
            broken = error
    response = ChatResponse.failed("internal", str(broken))
    return [Answer(text="", response=response) for _ in questions], broken


def _judged(
    judge: AnswerJudge | None, questions: Sequence[Question], answers: Sequence[Answer]
) -> list[Verdict]:
    """Judge the answers there are; a failed call is unscored without asking the judge."""
    items = {
        place: AnswerItem(question=question.text, gold=question.answer, prediction=answer.text)
        for place, (question, answer) in enumerate(zip(questions, answers, strict=True))
        if answer.response.ok
    }
    if judge is None:
        return [Verdict.unscored("nobody judged")] * len(questions)
    judged = dict(zip(items, judge.judge(list(items.values())), strict=True))
    verdicts = []
    for place, answer in enumerate(answers):
        failure = answer.response.failure
        if failure is not None:
            verdicts.append(Verdict.unscored(f"model: {failure.kind}: {failure.message}"))
        else:
            verdicts.append(judged[place])
    return verdicts


def _record_verdict(
    judge: AnswerJudge, question: Question, answer: Answer, verdict: Verdict
) -> None:
    if answer.handle is None:
        return
    inputs = {
        "question": answer.question_handle, "answer": answer.handle,
        "gold": variable(
            question.answer, kind="gold", name=question.id, metadata=_about(question)
        ),
    }  # fmt: skip
    parameters = {"judge": dict(judge.identity)}
    with Operation("judge", kind="judge", inputs=inputs, parameters=parameters) as op:
        if verdict.failure is not None:
            op.failed("unscored", verdict.failure)
            return
        value = {"satisfied": verdict.satisfied, "rationale": verdict.rationale}
        op.output("verdict", value, kind="verdict")


def _about(question: Question) -> dict[str, Any]:
    """What a replay needs of a question besides its text and gold answer."""
    return {
        "category": question.category, "evidence": list(question.evidence),
        "evidence_unit": question.evidence_unit,
    }  # fmt: skip


def _episode(
    system: MemorySystem, conversation: str, question: Question, answer: Answer,
    verdict: Verdict,
) -> Episode:  # fmt: skip
    usage, failure = answer.response.usage, answer.response.failure
    return Episode(
        system=system.name, conversation=conversation, question=question.id, text=question.text,
        category=question.category, gold=question.answer, evidence=question.evidence,
        prediction=answer.text, verdict=verdict, answer=answer.variable,
        failure_kind=None if failure is None else failure.kind,
        prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens,
        model_calls=usage.calls, cost_usd=usage.cost_usd, latency_ms=answer.response.latency_ms,
    )  # fmt: skip
