"""`memtrace.optimize` on real traces: a fault is mended, proved, written down, loaded; and resumed.

The system under test is real RAG with a model that half obeys its prompt; see
`optimize_support`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import memtrace
from lmcommon.errors import UserError
from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.llm.budget import Budget, Meter
from lmcommon.llm.metered import MeteredModel
from lmcommon.llm.passing import PassingModel
from lmcommon.llm.types import ChatRequest, ChatResponse
from memtrace.evaluate import evaluate
from memtrace.run.optimizing import Optimized

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package

from optimize_support import (
    CURE,
    IDLE,
    conversations,
    memory,
    recorded,
    reflection_model,
    system_model,
)

OPTIONS = {
    "max_metric_calls": 260, "settings": {"patience": 3}, "shares": (0.35, 0.45, 0.2), "seed": 1,
    "proofs": 1, "advice_calls": 70,
}  # fmt: skip


class Refusing(PassingModel):
    """A model that must not be asked."""

    def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        raise AssertionError(f"asked again: {requests[0].messages[-1].content}")


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("recorded") / "trace.db", memory(top_k=2))


@pytest.fixture(scope="module")
def made(trace: Path, tmp_path_factory: pytest.TempPathFactory) -> Optimized:
    return memtrace.optimize(
        trace, reflection_model=reflection_model(), model=system_model(),
        folder=tmp_path_factory.mktemp("run"), **OPTIONS,
    )  # fmt: skip


def test_the_guilty_prompt_is_mended_and_what_did_not_help_is_not_kept(made: Optimized) -> None:
    done = made.optimization
    assert made.accepted == 1
    assert done.best_validation is not None
    assert done.seed_validation is not None
    assert done.best_validation >= done.seed_validation + 0.1
    assert CURE in made.prompts["qa"]
    assert IDLE not in made.prompts["qa"]
    assert made.held_out is not None
    assert made.held_out.wins > made.held_out.losses


def test_held_out_questions_are_asked_when_the_loop_has_ended(made: Optimized) -> None:
    locked = {one.key for one in made.splits.held_out}
    rows = (made.folder / "loop/evaluations.jsonl").read_text().splitlines()
    is_locked = [json.loads(row)["example"] in locked for row in rows]
    assert any(is_locked)
    assert not any(is_locked[: is_locked.index(True)])
    assert all(is_locked[is_locked.index(True) :]), "nothing is learned or chosen after that"
    spending = made.optimization.spending
    assert made.figures["metric_calls"] == spending.metric_calls <= 260
    assert made.held_out_calls == 2 * len(locked)


def test_the_folder_tells_everything(made: Optimized) -> None:
    index = json.loads((made.folder / "prompts/prompts.json").read_text())
    assert index["prompts"]["qa"] == {"file": "qa.md", "changed": True}
    assert index["held_out"]["wins"] == made.held_out.wins  # type: ignore[union-attr]
    assert f"+{CURE}" in (made.folder / "prompts/qa.diff").read_text()
    rows = [json.loads(row) for row in (made.folder / "versions.jsonl").read_text().splitlines()]
    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
    assert sum(row["accepted"] for row in rows) == 1
    report = (made.folder / "report.md").read_text()
    assert "## Held-out questions" in report
    assert "## Advice" in report
    assert CURE in made.report_path.read_text()


def test_advice_measures_settings_where_no_prompt_is_to_blame(made: Optimized) -> None:
    assert made.advice is not None
    assert "retrieve" in made.advice.operations
    tried = [one.knob.told for one in made.advice.effects]
    assert tried[:1] == ["top_k 2 -> 4"]
    effect = made.advice.effects[0]
    assert effect.tokens_before is not None
    assert effect.tokens_after is not None
    assert effect.tokens_after > effect.tokens_before
    assert made.advice.metric_calls <= 70


def test_what_is_loaded_answers_as_it_was_measured(made: Optimized) -> None:
    """A fresh system with the loaded prompts gives the answers that the loop scored."""
    config = memtrace.apply_prompts(memory(top_k=2), made.folder)
    held = {one.scope: one for one in made.splits.held_out}
    rows = [
        json.loads(row) for row in (made.folder / "loop/evaluations.jsonl").read_text().splitlines()
    ]
    best = made.optimization.versions[[v.decision.accepted for v in made.optimization.versions]
                                      .index(True)].digest  # fmt: skip
    measured = {row["example"]: row["prediction"] for row in rows if row["digest"] == best}
    row = next(one for one in conversations() if f"rag_bm25/{one.id}" in held)
    make = config.build(system_model())
    for episode in evaluate(make(f"rag_bm25/{row.id}"), row, NormalizedAnswerJudge()):
        assert episode.prediction == measured[f"rag_bm25/{row.id}::{episode.question}"]


def test_the_same_folder_again_pays_nothing(made: Optimized, trace: Path) -> None:
    again = memtrace.optimize(
        trace, reflection_model=Refusing(reflection_model()), model=Refusing(system_model()),
        folder=made.folder, **OPTIONS,
    )  # fmt: skip
    assert again.figures == made.figures
    assert again.optimization.versions == made.optimization.versions


def test_a_spent_reflection_budget_ends_with_the_best_so_far(trace: Path, tmp_path: Path) -> None:
    poor = MeteredModel(reflection_model(), Meter(Budget(calls=3)))
    ended = memtrace.optimize(
        trace, reflection_model=poor, model=system_model(), folder=tmp_path,
        **{**OPTIONS, "advice_calls": 0},
    )  # fmt: skip
    assert ended.figures["reflection_calls"] == 3
    assert "reflection_llm.budget" in ended.optimization.stopped
    assert CURE in ended.prompts["qa"]
    assert ended.advice is None


def test_the_limit_of_metric_calls_is_hard(trace: Path, tmp_path: Path) -> None:
    ended = memtrace.optimize(
        trace, reflection_model=reflection_model(), model=system_model(), folder=tmp_path,
        **{**OPTIONS, "max_metric_calls": 40, "advice_calls": 0},
    )  # fmt: skip
    assert ended.figures["metric_calls"] <= 40
    assert ended.prompts == dict(ended.optimization.seed)
    assert "metric call" in ended.optimization.stopped


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"method": "magic"}, "method: expected one of memtrace"),
        ({"zap": 1}, "expected options"),
        ({"system": "mem0"}, "system: expected one of rag_bm25"),
        ({"scopes": ["zap"]}, "scopes: expected some of"),
        ({"components": ["zap"]}, "components: expected some of qa"),
        ({"shares": (1.0, 0.0, 0.0)}, "split.shares"),
        ({"settings": {"minibatch": 0}}, "loop.minibatch: expected at least 1"),
        ({"settings": {"rounds": 3}}, "expected some of"),
    ],
)
def test_a_mistake_is_told(
    trace: Path, tmp_path: Path, options: dict[str, object], expected: str
) -> None:
    with pytest.raises(UserError, match=expected.replace(".", r"\.")):
        memtrace.optimize(
            trace, reflection_model=reflection_model(), model=system_model(), folder=tmp_path,
            **options,
        )  # fmt: skip
