"""One suite over all memory systems: what a replay of each promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.data.types import Conversation
from lmcommon.embed.config import HashEmbedConfig
from lmcommon.errors import UserError
from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.llm.base import ChatModel
from memtrace.evaluate import evaluate
from memtrace.execution import (
    Drop,
    Execution,
    Oracle,
    Reorder,
    Replace,
    SetParameter,
    SwapPrompt,
    execute,
)
from memtrace.execution.interventions import AtPoint
from memtrace.memory.config import LongContextConfig, MemoryConfig, RagConfig
from memtrace.memory.mem0.config import Mem0ClassicConfig, Mem0Config
from memtrace.memory.packaged import PackagedConfig
from memtrace.memory.specs import config_from
from memtrace.replaying import Point, Replayer, first_mismatch, points
from memtrace.testing import random_intervention, rule_model

CONFIGS: dict[str, Callable[[], MemoryConfig]] = {
    "long_context": lambda: LongContextConfig(budget_tokens=300),
    "rag_bm25": lambda: RagConfig(retriever="bm25", top_k=2),
    "rag_hybrid": lambda: RagConfig(retriever="hybrid", embed=HashEmbedConfig(), top_k=2),
    "mem0": lambda: Mem0Config(embed=HashEmbedConfig(), top_k=4, isolation="never"),
    "mem0_classic": lambda: Mem0ClassicConfig(embed=HashEmbedConfig(), top_k=4, isolation="never"),
}
SLICE = 12
"""Random interventions a system in the usual suite; `test_slow` has hundreds."""


def conversation(seed: int = 5) -> Conversation:
    return generate_conversation(seed, num_sessions=4, num_people=2, num_questions=4)


def record(
    path: Path, config: MemoryConfig, model: ChatModel, seed: int = 5,
    defects: Sequence[AtPoint] = (),
) -> Path:  # fmt: skip
    row = conversation(seed)
    with memtrace.record(path) as recorder, execute(recorder, Execution(defects=defects)):
        system = config.build(model)(f"memory/{row.id}")
        list(evaluate(system, row, NormalizedAnswerJudge()))
        system.close()
    return path


@pytest.fixture(params=CONFIGS)
def replayer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Replayer]:
    config = CONFIGS[request.param]()
    if isinstance(config, PackagedConfig) and not config.is_here():
        pytest.skip(f"the package of {request.param} is not installed here; see memtrace-systems")
    path = record(tmp_path / "t.db", config, rule_model())
    with Replayer(path, model=rule_model()) as made:
        yield made


def last_point(replayer: Replayer, role: str) -> Point:
    found = [point for point in points(replayer.trace) if point.role == role]
    assert found, f"no point {role}"
    return found[-1]


def test_a_factual_replay_asks_nothing_and_is_the_same(replayer: Replayer) -> None:
    with replayer.run() as done:
        assert (done.calls, done.ledger.refused, done.unapplied) == (0, 0, ())
        assert done.ledger.recorded > 0
        assert first_mismatch(replayer.trace, done.trace) is None
        assert done.diff().is_empty, str(done.diff())


def test_a_replay_of_a_replay_is_the_same(replayer: Replayer, tmp_path: Path) -> None:
    with (
        replayer.run(out=tmp_path / "once.db") as once,
        Replayer(once.path) as again,
        again.run() as twice,
    ):
        assert twice.calls == 0
        assert first_mismatch(once.trace, twice.trace) is None


def test_a_changed_context_costs_one_call(replayer: Replayer) -> None:
    point = last_point(replayer, "context")
    with replayer.run([Replace(at=point.operation, role="context", value="Nothing.")]) as done:
        assert (done.calls, done.unapplied) == (1, ())
        assert [change.after for change in done.changes] in ([], ["I do not know."])


def test_a_replaced_reply_costs_nothing(replayer: Replayer) -> None:
    point = next(p for p in points(replayer.trace, name="answer") if p.role == "reply")
    with replayer.run([Replace(at=point.operation, value="Timbuktu")]) as done:
        assert done.calls == 0
        assert [change.after for change in done.changes] == ["Timbuktu"]
        assert done.ledger.intervened == 1


def test_an_oracle_sees_what_would_have_been_passed_on(replayer: Replayer) -> None:
    point = last_point(replayer, "context")
    seen: list[str] = []

    def oracle(context: str) -> str:
        seen.append(context)
        return context

    with replayer.run([Oracle(at=point.operation, role="context", function=oracle)]) as done:
        (context,) = replayer.trace.operation(point.operation).outputs["context"]
        assert seen == [replayer.trace.value(context)]
        assert done.calls == 0
        assert first_mismatch(replayer.trace, done.trace) is None


def test_another_answer_prompt_costs_one_call_a_question(replayer: Replayer) -> None:
    text = "### user\nRead:\n{context}\n\nQuestion: {question}"
    with replayer.run([SwapPrompt(name="qa", text=text)]) as done:
        assert done.calls == len(done.episodes) == 4


def test_a_prompt_without_its_placeholders_is_refused(replayer: Replayer) -> None:
    with pytest.raises(UserError, match="missing"):
        replayer.run([SwapPrompt(name="qa", text="### user\nQuestion: {question}")])


def test_an_unknown_prompt_or_setting_is_refused_by_name(replayer: Replayer) -> None:
    with pytest.raises(UserError, match=r"has the prompts .*qa"):
        replayer.run([SwapPrompt(name="zap", text="x")])
    with pytest.raises(UserError, match="expected a setting of the system"):
        replayer.run([SetParameter(name="zap", value=3)])


def test_a_point_that_does_not_exist_is_refused_by_name(replayer: Replayer) -> None:
    point = last_point(replayer, "context")
    with pytest.raises(UserError, match="expected a point of"):
        replayer.run([Drop(at=point.operation, role="zap")])
    with pytest.raises(UserError, match="expected the id of an operation"):
        replayer.run([Drop(at="op-99999")])


def test_an_intervention_that_does_not_fit_the_value_is_refused(replayer: Replayer) -> None:
    point = last_point(replayer, "context")
    with pytest.raises(UserError, match="expected a list"):
        replayer.run([Reorder(at=point.operation, role="context")])
    with pytest.raises(UserError, match="expected a str"):
        replayer.run([Replace(at=point.operation, role="context", value=["a"])])


def test_a_dry_run_tells_the_price_and_asks_nothing(replayer: Replayer) -> None:
    point = last_point(replayer, "context")
    change = [Replace(at=point.operation, role="context", value="Nothing.")]
    with replayer.run(change, dry_run=True) as dry, replayer.run(change) as real:
        assert dry.price is not None
        assert (dry.calls, dry.price.calls) == (0, real.calls)
        assert dry.price.at_most >= real.calls
        assert dry.price.usage.prompt_tokens > 0


def test_without_a_model_a_new_call_is_missing_not_made_up(replayer: Replayer) -> None:
    point = last_point(replayer, "context")
    change = [Replace(at=point.operation, role="context", value="Nothing.")]
    with Replayer(replayer.trace) as bare, bare.run(change) as done:
        assert (done.calls, len(done.missing), done.is_complete) == (0, 1, False)
        assert [one.is_unscored for one in done.episodes].count(True) == 1


def test_replays_at_once_give_what_they_give_alone(replayer: Replayer) -> None:
    every = list(points(replayer.trace))
    runs = [[random_intervention(every, seed)] for seed in range(6)]
    alone = [replayer.run(one) for one in runs]
    for single, together in zip(alone, replayer.run_many(runs, workers=3), strict=True):
        with single, together:
            assert first_mismatch(single.trace, together.trace) is None


def test_only_some_questions_can_be_replayed(replayer: Replayer) -> None:
    wanted = conversation().questions[1].id
    with replayer.run(questions=[wanted]) as done:
        assert [one.question for one in done.episodes] == [wanted]
        assert (done.calls, done.changes) == (0, ())


@pytest.mark.parametrize("seed", range(SLICE))
def test_a_replay_is_what_a_run_from_scratch_is(replayer: Replayer, seed: int) -> None:
    check_equality(replayer, seed)


def check_equality(replayer: Replayer, seed: int) -> None:
    """A replay with a random intervention equals a run of the same without recorded replies."""
    change = random_intervention(list(points(replayer.trace)), seed)
    with replayer.run([change]) as done, replayer.run([change], from_scratch=True) as scratch:
        assert scratch.ledger.recorded == 0
        assert (done.unapplied, scratch.unapplied) == ((), ())
        found = first_mismatch(scratch.trace, done.trace)
        assert found is None, f"{change.to_dict()}: {found}"
        assert [e.prediction for e in done.episodes] == [e.prediction for e in scratch.episodes]


def test_a_defect_is_in_every_replay_and_leaves_no_mark(replayer: Replayer, tmp_path: Path) -> None:
    """A system with a bug: its trace shows what it did, and a repair of the point undoes it."""
    reply, context = last_point(replayer, "reply"), last_point(replayer, "context")
    defects = [
        Oracle(at=reply.place, role="reply", function=lambda text: f"{text} Or not."),
        Oracle(at=context.place, role="context", function=lambda text: text[:20]),
    ]
    path = tmp_path / "faulty.db"
    config = config_from(next(iter(replayer.programs.values())).system["config"])
    record(path, config, rule_model(), defects=defects)
    with Replayer(path, model=rule_model(), cache=False, defects=defects) as faulty:
        made = faulty.trace.operation(last_point(faulty, "context").operation)
        assert len(faulty.trace.value(made.outputs["context"][0])) <= 20
        said = faulty.trace.operation(last_point(faulty, "reply").operation)
        assert faulty.trace.value(said.output_ids[-1]).endswith("Or not.")
        for operation in faulty.trace.operations():
            assert "intervened" not in operation.metadata
            assert "origin" not in operation.metadata.get("call", {})
        with faulty.run() as factual:
            assert factual.calls == 0
            assert first_mismatch(faulty.trace, factual.trace) is None
        whole = Replace(at=context.place, role="context", value="Ana: I moved to Lisbon.")
        with faulty.run([whole]) as repaired:
            texts = [
                repaired.trace.value(one.outputs["context"][0])
                for one in repaired.trace.operations() if "context" in one.outputs
            ]  # fmt: skip
            assert "Ana: I moved to Lisbon." in texts
            assert repaired.episodes[-1].prediction.endswith("Or not."), "the other defect stays"
