"""A memory that breaks down while it is built or closed costs its own questions, not the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcommon.data import generate_conversation
from lmcommon.errors import UserError
from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ChatRequest
from lmcommon.runlog import Run
from memtrace.evaluate.opening import opened
from memtrace.memory import LongContext, MemorySystem
from memtrace.memory.types import BrokenMemoryError
from memtrace.run.pipeline import record_episodes

ROWS = [
    generate_conversation(seed, num_sessions=2, num_people=2, num_questions=2) for seed in (1, 2)
]


def answered(request: ChatRequest) -> str:
    return "I do not know."


class FailsToClose(LongContext):
    """Its process is gone when it is closed."""

    def close(self) -> None:
        raise BrokenMemoryError("was killed by SIGKILL during 'close'")


def run(folder: Path, fails: type[LongContext] | None) -> list[bool]:
    """Two conversations, of which the first meets trouble; which questions are unscored."""
    calls: list[str] = []

    def make(scope: str) -> MemorySystem:
        calls.append(scope)
        if len(calls) > 1:
            return LongContext(ScriptedModel(answered), scope=scope)
        if fails is None:
            raise BrokenMemoryError("was killed by SIGKILL during 'build'")
        return fails(ScriptedModel(answered), scope=scope)

    run_ = Run(folder)
    run_.start(command=[], overrides=[], verb="test")
    results = record_episodes(run_, ROWS, {"window": make}, NormalizedAnswerJudge(), batch_size=8)
    return [episode.is_unscored for episode in results.episodes]


def test_a_memory_that_cannot_be_built_leaves_its_questions_unscored(tmp_path: Path) -> None:
    unscored = run(tmp_path, None)
    own = len(ROWS[0].questions)
    assert unscored == [True] * own + [False] * len(ROWS[1].questions)
    assert (tmp_path / "episodes.jsonl").read_text().count("SIGKILL during 'build'") >= own


def test_a_memory_that_dies_when_it_is_closed_has_answered(tmp_path: Path) -> None:
    assert not any(run(tmp_path, FailsToClose))


def test_what_the_user_can_fix_stops_the_run() -> None:
    def make(scope: str) -> MemorySystem:
        raise UserError("no such environment")

    with pytest.raises(UserError, match="no such environment"), opened(make, "window/c1"):
        pass
