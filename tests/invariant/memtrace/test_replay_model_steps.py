"""The optional model calls under replay: free where nothing changes, else as from scratch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.llm.base import ChatModel
from memtrace.evaluate import evaluate
from memtrace.memory.config import LongContextConfig, MemoryConfig, RagConfig
from memtrace.replaying import Replayer, first_mismatch, points
from memtrace.testing import RuleModel, random_intervention
from memtrace.testing.rules_rag import rag_rules

CONFIGS: dict[str, Callable[[], MemoryConfig]] = {
    "summarised": lambda: LongContextConfig(budget_tokens=200, trim="summarise", summary_tokens=60),
    "reranked": lambda: RagConfig(retriever="bm25", top_k=2, rerank="llm", rerank_candidates=6),
    "rewritten": lambda: RagConfig(retriever="bm25", top_k=2, rewrite=True, rerank="llm"),
}


def model() -> ChatModel:
    return RuleModel(rag_rules())


@pytest.fixture(params=CONFIGS)
def replayer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Replayer]:
    row = generate_conversation(5, num_sessions=4, num_people=2, num_questions=4)
    with memtrace.record(tmp_path / "t.db"):
        system = CONFIGS[request.param]().build(model())(f"memory/{row.id}")
        list(evaluate(system, row, NormalizedAnswerJudge()))
    with Replayer(tmp_path / "t.db", model=model()) as made:
        yield made


def test_a_factual_replay_asks_nothing_and_is_the_same(replayer: Replayer) -> None:
    with replayer.run() as done:
        assert done.calls == 0
        assert first_mismatch(replayer.trace, done.trace) is None


@pytest.mark.parametrize("seed", range(15))
def test_a_replay_is_what_a_run_from_scratch_is(replayer: Replayer, seed: int) -> None:
    change = random_intervention(list(points(replayer.trace)), seed)
    with replayer.run([change]) as done, replayer.run([change], from_scratch=True) as scratch:
        assert (done.unapplied, scratch.unapplied) == ((), ())
        found = first_mismatch(scratch.trace, done.trace)
        assert found is None, f"{change.to_dict()}: {found}"
