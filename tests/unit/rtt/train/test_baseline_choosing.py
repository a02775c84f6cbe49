"""Which recorded responses SFT and DPO learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric, Verdict
from rtt.records import RolloutRecord
from rtt.train.baselines import Pair, choose_examples, choose_pairs
from rtt.types import Rollout, ScoredRollout


def record(
    prompt: str, text: str, satisfied: Sequence[bool | None], *, ended: bool = True,
    weights: Sequence[float] = (),
) -> RolloutRecord:  # fmt: skip
    criteria = tuple(
        Criterion(id=f"c{place}", text="Be so.", weight=dict(enumerate(weights)).get(place, 1.0))
        for place in range(len(satisfied))
    )
    verdicts = tuple(
        Verdict.unscored("down") if one is None else Verdict(satisfied=one) for one in satisfied
    )
    rollout = Rollout(
        prompt_id=prompt, tokens=(1,), logprobs=(-1.0,), text=text, offsets=((0, len(text)),),
        finish_reason="stop" if ended else "length",
    )  # fmt: skip
    return RolloutRecord(
        step=0, group=0, sample=0,
        prompt=RubricPrompt(id=prompt, prompt=prompt, rubric=Rubric(criteria)),
        scored=ScoredRollout(rollout=rollout, verdicts=verdicts, relevance=()), advantage=(),
    )  # fmt: skip


def nothing(_: RubricPrompt) -> bool:
    return False


def test_an_example_of_a_conversation_keeps_its_messages() -> None:
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]
    first = record("p", "all", [True])
    spoken = replace(first, prompt=replace(first.prompt, metadata={"messages": talk}))
    assert choose_examples([spoken], is_held_out=nothing).items[0].prompt == talk


MIXED = [
    record("p", "all", [True, True]), record("p", "half", [True, False]),
    record("p", "unknown", [True, None]), record("p", "all", [True, True]),
    record("q", "none", [False, False], ended=False), record("held", "all", [True, True]),
]  # fmt: skip


def is_held(prompt: RubricPrompt) -> bool:
    return prompt.id == "held"


def test_sft_learns_what_satisfies_every_criterion_and_counts_the_rest() -> None:
    chosen = choose_examples(MIXED, is_held_out=is_held)
    assert [(one.prompt, one.response) for one in chosen.items] == [("p", "all")]
    assert chosen.counts == {
        "responses": 6, "held_out": 1, "unscored": 1, "violating": 2, "repeated": 1,
    }  # fmt: skip


def test_sft_on_everything_asks_for_no_verdict() -> None:
    chosen = choose_examples(MIXED, accept="all", is_held_out=is_held)
    assert [one.response for one in chosen.items] == ["all", "half", "unknown", "none"]
    assert [one.is_ended for one in chosen.items] == [True, True, True, False]


def test_a_criterion_of_negative_weight_must_not_hold() -> None:
    weights = (1.0, -1.0)
    rows = [
        record("p", "rude", [True, True], weights=weights),
        record("p", "polite", [True, False], weights=weights),
    ]
    chosen = choose_examples(rows, is_held_out=nothing)
    assert [one.response for one in chosen.items] == ["polite"]
    assert texts(choose_pairs(rows, is_held_out=nothing).items) == [("polite", "rude")]


def test_a_pair_is_the_best_against_the_worst() -> None:
    rows = [
        record("p", "one", [True, False, False]), record("p", "three", [True, True, True]),
        record("p", "none", [False, False, False]), record("p", "two", [True, True, False]),
    ]  # fmt: skip
    assert texts(choose_pairs(rows, is_held_out=nothing).items) == [("three", "none")]
    both = choose_pairs(rows, pairs=4, is_held_out=nothing)
    assert texts(both.items) == [("three", "none"), ("two", "one")]


def test_equals_make_no_pair() -> None:
    rows = [record("p", "a", [True, False]), record("p", "b", [False, True])]
    chosen = choose_pairs(rows, is_held_out=nothing)
    assert chosen.items == ()
    assert (chosen.counts["prompts"], chosen.counts["ties"]) == (1, 1)


def test_a_response_without_a_verdict_is_in_no_pair() -> None:
    rows = [record("p", "best", [True, True]), record("p", "unknown", [False, None])]
    chosen = choose_pairs(rows, is_held_out=nothing)
    assert chosen.items == ()
    assert chosen.counts["unscored"] == 1


def test_two_models_responses_are_paired_by_prompt_whatever_the_verdicts() -> None:
    strong = [record("p", "strong", [None]), record("q", "same", [False])]
    weak = [record("q", "same", [True]), record("p", "weak", [True]), record("z", "else", [True])]
    chosen = choose_pairs(strong, weak, accept="all", is_held_out=nothing)
    assert texts(chosen.items) == [("strong", "weak")]
    assert chosen.counts["responses"] == 5


def test_two_models_responses_by_their_verdicts() -> None:
    strong = [record("p", "strong", [True]), record("q", "beaten", [False])]
    weak = [record("p", "weak", [False]), record("q", "winner", [True])]
    chosen = choose_pairs(strong, weak, is_held_out=nothing)
    assert texts(chosen.items) == [("strong", "weak")]


def test_pairs_whatever_the_verdicts_need_two_sides() -> None:
    with pytest.raises(ValueError, match="expected rejected responses"):
        choose_pairs(MIXED, accept="all", is_held_out=nothing)


@given(
    rows=st.lists(st.tuples(
        st.sampled_from("pqr"), st.integers(0, 5).map(str),
        st.lists(st.sampled_from([True, False, None]), min_size=3, max_size=3),
    ), max_size=30),
    pairs=st.integers(1, 3),
)  # fmt: skip
def test_every_pair_is_strictly_ordered_and_every_response_is_counted(
    rows: list[tuple[str, str, list[bool | None]]], pairs: int
) -> None:
    records = [record(*row) for row in rows]
    chosen = choose_pairs(records, pairs=pairs, is_held_out=is_held)
    first: dict[tuple[str, str], list[bool | None]] = {}
    for prompt, text, satisfied in rows:
        if None not in satisfied:
            first.setdefault((prompt, text), satisfied)
    for pair in chosen.items:
        better = first[pair.prompt, pair.chosen.response]
        worse = first[pair.prompt, pair.rejected.response]
        assert sum(map(bool, better)) > sum(map(bool, worse)), (pair, better, worse)
    made = [pair.prompt for pair in chosen.items]
    assert all(made.count(prompt) <= pairs for prompt in made)
    counts = chosen.counts
    assert counts["responses"] == len(rows)
    assert counts["responses"] - counts["unscored"] - counts["repeated"] == len(first)
    assert counts["prompts"] - counts["ties"] == len(set(made))
    assert chosen == choose_pairs(records, pairs=pairs, is_held_out=is_held)


def texts(pairs: Sequence[Pair]) -> list[tuple[str, str]]:
    return [(pair.chosen.response, pair.rejected.response) for pair in pairs]
