"""The region: handles in the order of time, nothing of other questions, lost messages included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.llm.scripted import ScriptedModel
from memtrace.attribution import Question, TraceReader
from memtrace.attribution.case import Case
from memtrace.attribution.tracing.region import Region
from memtrace.memory import Query, Rag
from memtrace.memory.index import Bm25Index


def test_handles_go_back_to_what_they_name(run: Any) -> None:
    region = run.region()
    for operation in region.operations():
        assert region.operation(region.handle(operation)) == operation
    for variable in region.variables():
        assert region.variable(region.handle(variable)) == variable


@pytest.mark.parametrize(
    "handle", ["o0", "o999", "v1", "op-10", "", "o", "o-1", "o1 ", "O1", "o١", "o" + "9" * 30]
)
def test_a_handle_that_names_no_operation_is_refused(run: Any, handle: str) -> None:
    with pytest.raises(ValueError, match="there is no operation"):
        run.region().operation(handle)


def test_a_message_that_nothing_kept_is_in_the_region(lossy: Any) -> None:
    run, _, _ = lossy
    witness = run.case().witnesses[0].variable
    assert witness in {variable.id for variable in run.region().variables()}


def test_other_questions_stay_outside(tmp_path: Path, history: Callable[[], Any]) -> None:
    system = Rag(ScriptedModel(lambda _: "Porto"), [Bm25Index()], top_k=2)
    with memtrace.record(tmp_path / "t.db"):
        for session in history():
            system.add(session)
        queries = [Query("Who read the novel?", id="q0"), Query("Where is Ana?", id="q1")]
        answers = system.answer(queries)
    with memtrace.open(tmp_path / "t.db") as trace:
        reader = TraceReader(trace)
        assert answers[1].variable is not None
        case = Case(reader, Question(answer=answers[1].variable, gold="Lisbon"))
        messages = [variable.id for variable in trace.variables(kind="message")]
        asked = {
            trace.value(identifier)
            for operation in Region(case, messages).operations()
            for identifier in operation.inputs.get("question", ())
        }
        assert asked == {"Where is Ana?"}


def test_the_path_of_the_question_ends_with_the_answer(run: Any) -> None:
    path = run.region().question_path()
    assert [operation.kind for operation in path] == ["retrieval", "context", "answer"]
