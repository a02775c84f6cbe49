"""What a replay can do to the hits of RAG: other items, another order, other words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.embed.config import HashEmbedConfig
from lmcommon.errors import UserError
from lmcommon.judge import NormalizedAnswerJudge
from memtrace.evaluate import evaluate
from memtrace.execution import Insert, Oracle
from memtrace.memory.config import RagConfig
from memtrace.replaying import Point, Replayer, points
from memtrace.testing import rule_model


@pytest.fixture(params=["bm25", "hybrid"])
def replayer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Replayer]:
    row = generate_conversation(5, num_sessions=3, num_people=2, num_questions=2)
    config = RagConfig(retriever=request.param, embed=HashEmbedConfig(), top_k=2)
    with memtrace.record(tmp_path / "t.db"):
        list(evaluate(config.build(rule_model())("rag/c"), row, NormalizedAnswerJudge()))
    with Replayer(tmp_path / "t.db", model=rule_model()) as made:
        yield made


def last_ranking(replayer: Replayer) -> Point:
    """The last operation that ranks for the first question."""
    found = [point for point in points(replayer.trace, role="hits") if ":q1/" in point.place.path]
    return found[-1]


def first_context(replayer: Replayer, path: Path) -> str:
    with memtrace.open(path) as trace:
        contexts = [trace.value(v.id) for v in trace.variables(kind="context")]
    text: str = contexts[0]
    return text


def test_other_words_of_a_hit_reach_the_context(replayer: Replayer) -> None:
    def reworded(hits: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**hits[0], "text": "Gustav: I moved to the moon."}, *hits[1:]]

    change = Oracle(at=last_ranking(replayer).operation, role="hits", function=reworded)
    with replayer.run([change]) as done:
        assert done.calls == 1
        assert "Gustav: I moved to the moon." in first_context(replayer, done.path)
        (made,) = [v for v in done.trace.variables(kind="hit")
                   if done.trace.value(v.id) == "Gustav: I moved to the moon."]  # fmt: skip
        assert made.source is None, "other words are no copy of the stored item"


def test_the_best_hit_can_be_left_out(replayer: Replayer) -> None:
    point = last_ranking(replayer)
    gone = replayer.trace.value(replayer.trace.operation(point.operation).outputs["hits"][0])
    change = Oracle(at=point.operation, role="hits", function=lambda hits: hits[1:])
    with replayer.run([change]) as done:
        assert done.calls == 1
        kept = first_context(replayer, done.path)
    assert not set(gone.splitlines()[1:]) <= set(kept.splitlines())


@pytest.mark.parametrize(
    "row", [{"item": "nobody"}, {"score": 1.0}, "text", {"item": 3}, {"item": None, "text": "x"}]
)
def test_a_hit_that_is_no_stored_item_is_refused(replayer: Replayer, row: Any) -> None:
    change = Insert(at=last_ranking(replayer).operation, role="hits", value=row)
    with pytest.raises(UserError, match="expected rows"):
        replayer.run([change])
