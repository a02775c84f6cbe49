"""Advice: settings are measured by replay, corrected for their number, and never applied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from lmcommon.errors import BudgetError, UserError
from memtrace.attribution.types import Attribution, Verdict
from memtrace.execution.interventions import Intervention, SetParameter
from memtrace.memory.config import RagConfig
from memtrace.memory.specs import described
from memtrace.optimizing.advising import Advice, advise
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.types import Blame, Example, LimitReachedError, Scored, Spending


class Laboratory:
    """As much of an evaluator as advice uses: a question is right from some `top_k` on."""

    def __init__(self, needs: dict[str, int], limit: int | None = None) -> None:
        self.system = {"config": described(RagConfig(retriever="bm25", top_k=5))}
        self.needs, self._limit, self.spending = needs, limit, Spending()
        self.refuses: type[Exception] | None = None

    @property
    def left(self) -> int | None:
        return None if self._limit is None else self._limit - self.spending.evaluations

    def swaps(self, candidate: object) -> list[Intervention]:
        return []

    def replayed(
        self, interventions: Sequence[Intervention], examples: Sequence[Example]
    ) -> list[Scored]:
        values = {one.name: one.value for one in interventions if isinstance(one, SetParameter)}
        if self.refuses is not None and "chunk_turns" in values:
            raise self.refuses("chunk_turns: too large")
        if self.left is not None and self.left < len(examples):
            raise LimitReachedError("spent")
        self.spending.evaluations += len(examples)
        top_k = values.get("top_k", 5)
        return [
            Scored(
                example=one, digest=str(values), prompt_tokens=20 * top_k,
                score=float(top_k >= self.needs[one.id]),
            )
            for one in examples
        ]  # fmt: skip


def example(name: str) -> Example:
    return Example(scope="s", id=name, text=name, gold="x")


def blamed(name: str, operation: str = "retrieve") -> Blame:
    nothing = Attribution(
        answer="", question=name, prediction="", gold="x", suspects=(), paths=(), confidence=0.0,
        verdict=Verdict.ABSTAINED, reason="lost",
    )  # fmt: skip
    scored = Scored(example=example(name), digest="d", score=0.0)
    return Blame(scored=scored, attribution=nothing, elsewhere={operation: 1.0})


def advised(laboratory: Laboratory, blames: Sequence[Blame], names: Sequence[str]) -> Advice:
    made = cast(Evaluator, laboratory)
    return advise(made, {"qa": "text"}, blames, [example(one) for one in names])


NEEDS: dict[str, Any] = {f"v{n}": 10 if n < 12 else 1 for n in range(20)} | {"f": 20, "g": 99}
NAMES = [name for name in NEEDS if name.startswith("v")]


def test_a_setting_that_helps_is_told_with_its_price() -> None:
    found = advised(Laboratory(NEEDS), [blamed("f"), blamed("g")], NAMES)
    twice, four_times, *others = found.effects
    assert (twice.knob.told, twice.verdict, twice.mended, twice.failures) == (
        "top_k 5 -> 10", "helps", 0, 2,
    )  # fmt: skip
    assert twice.compared is not None
    assert (twice.compared.wins, twice.compared.losses) == (12, 0)
    assert (twice.tokens_before, twice.tokens_after) == (100, 200)
    assert (four_times.verdict, four_times.mended) == ("helps", 1)
    assert {one.verdict for one in others} == {"no effect"}
    assert [one.scored.example.id for one in found.unmended] == ["g"]


def test_p_values_are_corrected() -> None:
    few = {**NEEDS, **{f"v{n}": 10 if n < 6 else 1 for n in range(20)}}  # p = 0.03 alone
    found = advised(Laboratory(few), [blamed("f")], NAMES)
    assert found.effects[0].compared is not None
    assert found.effects[0].compared.p_value == pytest.approx(2 / 2**6)
    assert found.effects[0].p_holm == pytest.approx(4 * 2 / 2**6)
    assert found.effects[0].verdict == "not proved"


def test_the_limit_holds_and_is_told() -> None:
    laboratory = Laboratory(NEEDS, limit=70)
    found = advised(laboratory, [blamed("f")], NAMES)
    assert laboratory.spending.evaluations == found.metric_calls <= 70
    assert len(found.effects) == 2
    assert found.stopped is not None
    assert "2 of 4 settings" in found.stopped


def test_a_small_limit_takes_fewer_questions_before_it_takes_fewer_settings() -> None:
    needs = {f"v{n}": 10 for n in range(100)} | {"f": 1}
    found = advised(Laboratory(needs, limit=250), [blamed("f")], [f"v{n}" for n in range(100)])
    assert (len(found.effects), found.measured, found.validation) == (4, 49, 100)
    assert found.stopped is None


def test_a_value_that_cannot_be_set_is_told() -> None:
    laboratory = Laboratory(NEEDS)
    laboratory.refuses = UserError
    verdicts = [one.verdict for one in advised(laboratory, [blamed("f")], NAMES).effects]
    assert "not tried: chunk_turns: too large" in verdicts
    assert len(verdicts) == 4


def test_a_spent_budget_ends_it_without_losing_what_is_known() -> None:
    laboratory = Laboratory(NEEDS)
    laboratory.refuses = BudgetError
    found = advised(laboratory, [blamed("f")], NAMES)
    assert len(found.effects) == 2
    assert found.stopped is not None
    assert "2 of 4" in found.stopped


def test_without_such_failures_nothing_is_tried() -> None:
    laboratory = Laboratory(NEEDS)
    found = advised(laboratory, [], NAMES)
    assert (found.effects, found.operations, laboratory.spending.evaluations) == ((), {}, 0)


def test_where_no_knob_is_known_failures_are_listed() -> None:
    found = advised(Laboratory(NEEDS), [blamed("f", "mystery")], NAMES)
    assert (found.effects, [one.scored.example.id for one in found.unmended]) == ((), ["f"])
