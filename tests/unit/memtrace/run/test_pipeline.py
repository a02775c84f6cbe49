"""Runs: resumable, with nothing asked twice and nothing counted that was not scored."""

from __future__ import annotations

from pathlib import Path

import pytest

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.data.types import Conversation, RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge import NormalizedAnswerJudge, Rubric
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ChatRequest, ModelFailure
from lmcommon.runlog import Run
from memtrace.memory import LongContext, Rag
from memtrace.memory.config import MemoryFactory
from memtrace.memory.index import Bm25Index
from memtrace.run.pipeline import (
    Results,
    attribute_failures,
    check_conversations,
    record_episodes,
)
from memtrace.run.tables import headline, overview
from memtrace.show.markdown import as_markdown
from memtrace.testing import perfect_reader

ROW = generate_conversation(4, num_sessions=5, num_people=2, num_questions=9)
GOLD = {question.text: question.answer for question in ROW.questions if question.answer}


def systems(model: ScriptedModel) -> dict[str, MemoryFactory]:
    return {
        "long_context": lambda scope: LongContext(model, budget_tokens=200, scope=scope),
        "rag_bm25": lambda scope: Rag(model, [Bm25Index()], top_k=2, scope=scope),
    }


def go(folder: Path, model: ScriptedModel) -> tuple[Run, Results]:
    """What a verb does between reading its options and writing its report."""
    run = Run(folder)
    run.start(command=[], overrides=[], verb="test")
    results = record_episodes(run, [ROW], systems(model), NormalizedAnswerJudge(), batch_size=4)
    attribute_failures(run, results)
    return run, results


def answers(results: Results) -> list[tuple[object, ...]]:
    return [(e.key, e.prediction, e.verdict.satisfied) for e in results.episodes]


def blamed(results: Results) -> dict[tuple[str, str, str], tuple[str, str]]:
    return {
        key: (verdict.suspects[0].name, verdict.suspects[0].error_type)
        for key, verdict in results.verdicts.items()
        if verdict.suspects
    }


class Killed(BaseException):
    """Ends the process as far as the run can tell."""


def mortal(lives: int) -> ScriptedModel:
    """A perfect reader that dies after so many questions."""
    reader, left = perfect_reader(GOLD), [lives]

    def reply(request: ChatRequest) -> str:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return reader.generate([request])[0].text

    return ScriptedModel(reply)


@pytest.mark.parametrize("lives", [0, 5, 8, 13])
def test_a_resumed_run_equals_an_uninterrupted_one(lives: int, tmp_path: Path) -> None:
    _, whole = go(tmp_path / "whole", perfect_reader(GOLD))
    with pytest.raises(Killed):
        go(tmp_path / "parts", mortal(lives))
    model = perfect_reader(GOLD)
    _, resumed = go(tmp_path / "parts", model)
    assert answers(resumed) == answers(whole)
    assert blamed(resumed) == blamed(whole)
    assert resumed.kept + len(model.requests) == len(whole.episodes), "nothing asked twice"
    assert resumed.kept == {0: 0, 5: 4, 8: 8, 13: 13}[lives]


def test_a_finished_run_resumed_asks_nothing(tmp_path: Path) -> None:
    go(tmp_path, perfect_reader(GOLD))
    model = perfect_reader(GOLD)
    run, results = go(tmp_path, model)
    assert (model.requests, results.kept) == ([], 2 * len(ROW.questions))
    keys = [tuple(row["key"]) for row in run.read("attributions")]
    assert len(keys) == len(set(keys)), "no verdict written twice"


def test_every_answer_of_an_interrupted_run_is_in_its_trace(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        go(tmp_path, mortal(5))
    rows = Run(tmp_path).read("episodes")
    with memtrace.open(tmp_path / "trace.db") as trace:
        told = [trace.value(row["answer"]) for row in rows]
    assert told == [row["prediction"] for row in rows]


def test_a_failed_call_is_counted_and_not_attributed(tmp_path: Path) -> None:
    _, results = go(tmp_path, ScriptedModel(lambda _: ModelFailure(kind="timeout", message="no")))
    figures = headline(results)
    assert (figures["unscored"], figures["failures"]) == (2 * len(ROW.questions), 0)
    assert not results.verdicts


def test_the_overview_adds_up(tmp_path: Path) -> None:
    _, results = go(tmp_path, perfect_reader(GOLD))
    for row in overview(results, systems(perfect_reader({}))):
        assert int(row["right"]) + int(row["wrong"]) + int(row["unscored"]) == int(row["asked"])


def test_markdown_cells_cannot_break_the_table() -> None:
    text = as_markdown([{"a|b": "x|y\nz"}])
    assert text.splitlines() == ["| a\\|b |", "| --- |", "| x\\|y z |"]


def test_prompts_with_rubrics_are_no_conversations() -> None:
    row = RubricPrompt(id="1", prompt="?", rubric=Rubric(()))
    with pytest.raises(UserError, match="expected a set of conversations"):
        check_conversations([row], "IfevalConfig")


def test_conversations_without_questions_are_refused() -> None:
    with pytest.raises(UserError, match="at least one question"):
        check_conversations([Conversation(id="c", sessions=())], "GeneratedConfig")


def test_no_text_breaks_out_of_a_markdown_table() -> None:
    shown = as_markdown([{"question": "<script>a | b\nc</script>"}])
    assert shown.splitlines()[2] == "| &lt;script>a \\| b c&lt;/script> |", shown
