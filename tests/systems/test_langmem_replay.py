"""Replay of LangMem: free where nothing changes, and what a run from scratch would be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("langmem", reason="langmem is not installed here; see memtrace-systems")

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.embed.config import HashEmbedConfig
from lmcommon.judge import NormalizedAnswerJudge
from memtrace.evaluate import evaluate
from memtrace.execution import Drop, SetParameter, SwapPrompt
from memtrace.memory.langmem import LangMemConfig
from memtrace.replaying import Replayer, first_mismatch, points
from memtrace.testing import RuleModel, random_intervention
from memtrace.testing.rules_langmem import langmem_rules


@pytest.fixture
def replayer(tmp_path: Path) -> Iterator[Replayer]:
    """A recorded run; what was run is read from the trace."""
    row = generate_conversation(5, num_sessions=4, num_people=2, num_questions=4)
    model = RuleModel(langmem_rules())
    config = LangMemConfig(embed=HashEmbedConfig(), isolation="never", top_k=3)
    with memtrace.record(tmp_path / "t.db"):
        list(evaluate(config.build(model)("langmem/c1"), row, NormalizedAnswerJudge()))
    with Replayer(tmp_path / "t.db", model=model) as made:
        yield made


def test_a_factual_replay_asks_nothing_and_is_the_same(replayer: Replayer) -> None:
    with replayer.run() as done:
        assert done.calls == 0
        assert done.ledger.recorded >= 8
        assert first_mismatch(replayer.trace, done.trace) is None


def test_a_fact_left_out_costs_only_what_it_changes(replayer: Replayer) -> None:
    point = next(p for p in points(replayer.trace, name="extract") if p.role == "facts")
    with replayer.run([Drop(at=point.operation, role="facts", index=0)]) as done:
        assert done.unapplied == ()
        assert 0 < done.calls < done.calls + done.ledger.recorded
        assert first_mismatch(replayer.trace, done.trace) is not None


def test_other_instructions_ask_for_every_session_again(replayer: Replayer) -> None:
    with replayer.run([SwapPrompt(name="instructions", text="Keep it short.")]) as done:
        assert done.calls >= 4


def test_fewer_memories_for_an_answer_cost_no_call_of_a_session(replayer: Replayer) -> None:
    with replayer.run([SetParameter(name="top_k", value=1)]) as done:
        assert 0 < done.calls <= 4


@pytest.mark.parametrize("seed", range(12))
def test_a_replay_is_what_a_run_from_scratch_is(replayer: Replayer, seed: int) -> None:
    change = random_intervention(list(points(replayer.trace)), seed)
    with replayer.run([change]) as done, replayer.run([change], from_scratch=True) as scratch:
        assert (done.unapplied, scratch.unapplied) == ((), ())
        found = first_mismatch(scratch.trace, done.trace)
        assert found is None, f"{change.to_dict()}: {found}"
