"""Relevance by the policy's own likelihoods, with and without a criterion in the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import Any

import pytest
import torch

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.types import Criterion, Rubric, Verdict
from rtt.engine.sampler import Sampler
from rtt.policy.tiny import TinyPolicy
from rtt.relevance import (
    ContrastSource,
    PolicyContrast,
    PolicyScores,
    RelevanceItem,
    drop_criteria,
)
from rtt.tasks.words import WordsTask
from rtt.types import Rollout

START = Criterion(id="a", text='Begin with "amber".')
END = Criterion(id="b", text='End with "dune".')
PROMPT = RubricPrompt(
    id="p", prompt='Write. Begin with "amber". End with "dune".', rubric=Rubric((START, END))
)
ROLLOUT = Rollout(
    prompt_id="p", tokens=(7, 8), logprobs=(0.0, 0.0), text="amber dune", offsets=((0, 5), (5, 10))
)


class Table:
    """A scorer that looks up log-probabilities by prompt, and remembers what it was asked."""

    def __init__(self, table: dict[str, tuple[float, ...]]) -> None:
        self.table = table
        self.asked: list[str] = []

    def score(self, pairs: Sequence[tuple[str, Rollout]]) -> list[tuple[float, ...]]:
        self.asked += [prompt for prompt, _ in pairs]
        return [self.table[prompt] for prompt, _ in pairs]


def item(criterion: Criterion, prompt: RubricPrompt = PROMPT) -> RelevanceItem:
    return RelevanceItem(
        prompt=prompt, criterion=criterion, verdict=Verdict(satisfied=True), rollout=ROLLOUT
    )


@pytest.fixture
def scorer() -> Table:
    return Table(
        {
            PROMPT.prompt: (-1.0, -1.0),
            'Write. End with "dune".': (-4.0, -1.0),
            'Write. Begin with "amber".': (-1.0, -2.0),
            "Write.": (-5.0, -3.0),
        }
    )


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def test_relevance_is_what_the_criterion_makes_likelier(scorer: Table) -> None:
    told = PolicyContrast(scorer=scorer).relevances([item(START), item(END)])
    assert told[0] == pytest.approx((sigmoid(3), 0.5))
    assert told[1] == pytest.approx((0.5, sigmoid(1)))


def test_steepness_and_bias(scorer: Table) -> None:
    told = PolicyContrast(scorer=scorer, tau=2.0, bias=1.0).relevances([item(START)])
    assert told[0] == pytest.approx((sigmoid(4), sigmoid(-2)))


def test_the_whole_rubric_can_be_taken_out_at_once(scorer: Table) -> None:
    told = PolicyContrast(scorer=scorer, whole=True).relevances([item(START), item(END)])
    assert told[0] == told[1] == pytest.approx((sigmoid(4), sigmoid(2)))


def test_a_prompt_that_criteria_share_is_scored_once(scorer: Table) -> None:
    PolicyContrast(scorer=scorer).relevances([item(START), item(END), item(START)])
    assert len(scorer.asked) == 3


def test_a_criterion_that_cannot_be_taken_out_is_neutral_and_counted(scorer: Table) -> None:
    source = PolicyContrast(scorer=scorer)
    strange = Criterion(id="x", text="Be kind.")
    assert source.relevances([item(strange), item(START)])[0] == (0.5, 0.5)
    assert source.neutral == 1


def test_large_differences_do_not_overflow() -> None:
    scorer = Table({PROMPT.prompt: (0.0, -1e4), 'Write. End with "dune".': (-1e4, 0.0)})
    assert PolicyContrast(scorer=scorer).relevances([item(START)]) == [(1.0, 0.0)]


def test_a_criterion_is_taken_out_where_the_prompt_words_it() -> None:
    prompt = RubricPrompt(
        id="p", prompt="start amber end dune :", rubric=Rubric((START, END)),
        metadata={"wording": {"a": "start amber", "b": "end dune"}},
    )  # fmt: skip
    assert drop_criteria(prompt, [START]) == ("start amber end dune :", "end dune :")
    assert drop_criteria(prompt, [END]) == ("start amber end dune :", "start amber :")
    assert drop_criteria(prompt, [START, END]) == ("start amber end dune :", ":")


def test_line_breaks_of_a_prompt_stay() -> None:
    prompt = RubricPrompt(id="p", prompt="Write.\n\n- Be calm.\n- End.", rubric=Rubric(()))
    dropped = drop_criteria(prompt, [Criterion(id="x", text="Be calm.")])
    assert dropped == (prompt.prompt, "Write.\n\n- \n- End.")


def test_a_bare_question_serves_where_the_prompt_words_criteria_otherwise() -> None:
    prompt = RubricPrompt(
        id="p", prompt="Write in a calm way.", rubric=Rubric((START,)),
        metadata={"question": "Write."},
    )  # fmt: skip
    assert drop_criteria(prompt, [START]) == ('Write. Begin with "amber".', "Write.")


TALK = [{"role": "user", "content": 'Begin with "amber". Hello.'},
        {"role": "assistant", "content": "Hi."}, {"role": "user", "content": "Again."}]  # fmt: skip


def test_a_criterion_is_taken_out_of_the_message_of_a_conversation_that_words_it() -> None:
    prompt = RubricPrompt(id="p", prompt="x", rubric=Rubric(()), metadata={"messages": TALK})
    without = [{"role": "user", "content": "Hello."}, *TALK[1:]]
    assert drop_criteria(prompt, [START]) == (TALK, without)


def test_the_question_of_a_conversation_stands_in_its_last_message() -> None:
    metadata = {"messages": TALK, "question": "Again."}
    dropped = drop_criteria(
        RubricPrompt(id="p", prompt="x", rubric=Rubric(()), metadata=metadata), [END]
    )
    assert dropped == (
        [*TALK[:-1], {"role": "user", "content": 'Again. End with "dune".'}], TALK,
    )  # fmt: skip


def test_a_conversation_is_scored_once_for_each_contrast() -> None:
    class Counting:
        pairs = 0

        def score(self, pairs: Sequence[tuple[Any, Rollout]]) -> list[tuple[float, ...]]:
            self.pairs += len(pairs)
            return [(0.0, 0.0)] * len(pairs)

    scorer = Counting()
    prompt = RubricPrompt(id="p", prompt="x", rubric=Rubric(()), metadata={"messages": TALK})
    told = PolicyContrast(scorer=scorer).relevances([item(START, prompt), item(START, prompt)])
    assert (told, scorer.pairs) == ([(0.5, 0.5)] * 2, 2)


def test_without_either_there_is_no_contrast() -> None:
    prompt = RubricPrompt(id="p", prompt="Write calmly.", rubric=Rubric((START,)))
    assert drop_criteria(prompt, [START]) is None
    assert drop_criteria(prompt, [Criterion(id="e", text="")]) is None


@pytest.fixture(scope="module")
def policy() -> Any:
    torch.set_num_threads(1)
    return TinyPolicy(hidden=32).build(WordsTask().tokens, seed=3)


def test_policy_scores_are_those_of_the_sampler(policy: Any) -> None:
    prompt = next(iter(WordsTask().prompts("train", 1)))
    (group,) = Sampler(policy, 8).sample([prompt], samples=4, seed=2)
    pairs = [(prompt.prompt, rollout) for rollout in group.rollouts]
    for batch_tokens in (1, 16_384):
        told = PolicyScores(policy=policy, batch_tokens=batch_tokens).score(pairs)
        for row, rollout in zip(told, group.rollouts, strict=True):
            assert row == pytest.approx(rollout.logprobs, abs=1e-4)


def test_scoring_leaves_the_policy_as_it_was(policy: Any) -> None:
    policy.model.train()
    told = PolicyScores(policy=policy).score([("start amber :", ROLLOUT)])
    assert policy.model.training
    assert len(told[0]) == 2
    assert PolicyScores(policy=policy).score([]) == []


def test_the_words_task_says_how_it_words_each_criterion(policy: Any) -> None:
    prompt = next(iter(WordsTask().prompts("train", 1)))
    for criterion in prompt.rubric.criteria:
        dropped = drop_criteria(prompt, [criterion])
        assert dropped is not None
        assert prompt.metadata["wording"][criterion.id] in dropped[0]
        assert prompt.metadata["wording"][criterion.id] not in dropped[1]


def test_settings_without_a_policy_say_what_to_take() -> None:
    with pytest.raises(UserError, match=r"relevance=policy_contrast: expected the policy"):
        ContrastSource().build()
    with pytest.raises(UserError, match=r"relevance\.tau"):
        ContrastSource(tau=0.0)
