"""What a replay refuses, in one sentence, and what it does not let itself be misled by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.data.types import Session, Turn
from lmcommon.errors import UserError
from lmcommon.llm import ScriptedModel
from memtrace.execution import Oracle, Scope, SetParameter, Stage, SwapModel, SwapPrompt, within
from memtrace.memory import Query, RagConfig
from memtrace.memory.specs import config_from
from memtrace.replaying import Replayer, first_mismatch, points, replay
from memtrace.testing import rule_model

SESSION = Session(id="s1", turns=(Turn(id="D1:1", speaker="Ana", text="I moved to Lisbon."),))
QUERY = Query("Where did Ana move?", id="q1")


def record(path: Path, *, scopes: tuple[str, ...] = ("rag/c1",), **settings: Any) -> Path:
    with memtrace.record(path):
        for scope in scopes:
            memory = RagConfig(retriever="bm25", **settings).build(rule_model())(scope)
            memory.add(SESSION)
            memory.answer([QUERY])
    return path


@pytest.mark.parametrize(
    ("name", "value"), [("top_k", "5"), ("top_k", 2.5), ("top_k", None), ("temperature", "hot")]
)
def test_a_setting_of_another_sort_is_refused(tmp_path: Path, name: str, value: object) -> None:
    path = record(tmp_path / "t.db")
    with pytest.raises(UserError, match=f"expected {name} to be (int|float); got"):
        replay(path, [SetParameter(name=name, value=value)])


def test_a_wording_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = record(tmp_path / "t.db")
    with pytest.raises(UserError, match="expected a text for 'qa'; got None"):
        replay(path, [SwapPrompt(name="qa", text=None)])  # type: ignore[arg-type]


def test_what_is_no_intervention_is_refused(tmp_path: Path) -> None:
    path = record(tmp_path / "t.db")
    with pytest.raises(UserError, match="expected objects such as Drop"):
        replay(path, [{"kind": "drop", "at": "op-1"}])  # type: ignore[list-item]


def test_another_model_for_an_operation_that_is_not_there_is_a_warning(tmp_path: Path) -> None:
    path = record(tmp_path / "t.db")
    swap = SwapModel(model=ScriptedModel({"": "x"}, name="other"), operation="answr")
    with replay(path, [swap]) as done:
        assert done.warnings == ("swap_model: no call of an operation 'answr' was made",)


@pytest.mark.parametrize("change", [{"zap": 3}, {"top_k": "many"}])
def test_a_configuration_of_another_version_is_refused(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    with memtrace.open(record(tmp_path / "t.db")) as trace:
        row = trace.metadata["system rag/c1"]["config"]
    assert config_from(row) == RagConfig(retriever="bm25")
    with pytest.raises(UserError, match="this version does not take"):
        config_from({**row, **change})


def test_two_memories_of_one_name_are_refused(tmp_path: Path) -> None:
    path = record(tmp_path / "t.db", scopes=("rag/c1", "rag/c1"))
    with pytest.raises(UserError, match="rag/c1: two memories were recorded under this name"):
        replay(path)


def test_a_memory_that_does_not_say_what_it_was_given_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with memtrace.record(path), within("add 0", scope=Scope("bot")), Stage("add", kind="ingest"):
        pass
    with pytest.raises(UserError, match="bot: the trace does not hold all"):
        replay(path)


def test_an_operation_of_ones_own_is_not_taken_for_a_session(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with memtrace.record(path):
        memory = RagConfig(retriever="bm25").build(rule_model())("rag/c1")
        memory.add(SESSION)
        with within("mine", scope=memory.scope), Stage("add", kind="ingest"):
            pass
        memory.answer([QUERY])
    with replay(path) as done:
        assert (done.calls, done.missing, done.changes) == (0, (), ())


def test_a_prompt_from_a_file_is_replayed_as_it_was_read(tmp_path: Path) -> None:
    wording = tmp_path / "qa.md"
    wording.write_text("### user\nRead:\n{context}\n\nQuestion: {question}\n")
    path = record(tmp_path / "t.db", prompts={"qa": f"@{wording}"})
    wording.unlink()
    with Replayer(path) as replayer, replayer.run() as done:
        assert (done.calls, done.missing) == (0, ())
        assert first_mismatch(replayer.trace, done.trace) is None


def test_a_score_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with memtrace.open(record(tmp_path / "t.db")) as trace:
        point = next(points(trace, role="hits"))
        oracle = Oracle(
            at=point.operation,
            role="hits",
            function=lambda rows: [{**r, "score": "high"} for r in rows],
        )
        with pytest.raises(UserError, match="expected a number as score"):
            replay(trace, [oracle])
