"""The reward function by itself: what it returns, keeps and refuses to use."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import pytest

from lmcommon.data.types import RubricPrompt, transcript
from lmcommon.errors import UserError
from lmcommon.judge.types import Criterion, Rubric, Verdict
from lmcommon.testing.tiny_lm import tiny_tokenizer
from rtt.relevance import RelevanceItem
from rtt.train.advantage import Credit
from rtt.train.scoring import Scorer
from rtt.train.trl import rubric_dataset
from rtt.train.trl.dataset import RUBRIC_COLUMN, read_rubric_prompt
from rtt.train.trl.reward import RubricReward

pytest.importorskip("trl")  # the extra rtt-llm[trl]

PROMPT = RubricPrompt(
    id="p1", prompt="Say it.", source="test",
    rubric=Rubric((
        Criterion(id="a", text="No comma.", constraint_id="punctuation:no_comma"),
        Criterion(id="b", text="Has the word yes.", constraint_id="keywords:existence",
                  kwargs={"keywords": ["yes"]}, tags=("keywords",)),
    )),
)  # fmt: skip
TOKENIZER = tiny_tokenizer()


class HalfBroken:
    """A relevance source that fails on one criterion."""

    def relevances(self, items: Sequence[RelevanceItem]) -> list[tuple[float, ...]]:
        return [
            ((math.nan if item.criterion.id == "b" else 1.0),) * len(item.rollout.tokens)
            for item in items
        ]


class Down:
    """A judge that nobody answers for."""

    def verdicts(self, items: Sequence[tuple[RubricPrompt, str]]) -> list[tuple[Verdict, ...]]:
        return [(Verdict.unscored("connection refused"),) * len(p.rubric) for p, _ in items]


def call(reward: RubricReward, *responses: Any, prompt: RubricPrompt = PROMPT) -> Any:
    ids = [TOKENIZER(one)["input_ids"] if isinstance(one, str) else one for one in responses]
    column = {RUBRIC_COLUMN: [json.dumps(asdict(prompt))] * len(ids)}
    return reward(prompts=[""] * len(ids), completions=[""] * len(ids), completion_ids=ids,
                  trainer_state=SimpleNamespace(global_step=5), **column)  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("aon", [1.0, 0.0, 0.0]), ("csr", [1.0, 0.5, 0.0]), ("csr_signed", [1.0, 0.0, -1.0])],
)
def test_it_returns_the_reward_of_the_rubric(mode: Any, expected: list[float]) -> None:
    reward = RubricReward(TOKENIZER, Scorer(), Credit(reward=mode))
    assert call(reward, "oh yes", "oh no", "oh, no") == expected


def test_it_keeps_the_scored_rows_with_every_token_of_the_response() -> None:
    reward = RubricReward(TOKENIZER, Scorer())
    ended = [*TOKENIZER("yes")["input_ids"], TOKENIZER.eos_token_id]
    call(reward, ended, "yes")
    first, second = (row.scored for row in reward.rows)
    assert first.rollout.tokens == tuple(ended)
    assert [len(row) for row in first.relevance] == [4, 4]
    assert (first.rollout.finish_reason, second.rollout.finish_reason) == ("stop", "length")
    assert (first.rollout.text, first.rollout.policy_version) == ("yes", 5)
    assert first.relevance[1][3] == 0.0, "the end of the sequence is part of no word"


def test_a_judge_that_is_down_gives_none() -> None:
    assert call(RubricReward(TOKENIZER, Scorer(verdicts=Down())), "yes", "no") == [None, None]


def test_a_relevance_that_is_no_number_costs_its_criterion_alone() -> None:
    reward = RubricReward(TOKENIZER, Scorer(relevance=HalfBroken()), Credit(reward="csr"))
    assert call(reward, "oh no") == [1.0]
    (row,) = reward.rows
    assert row.scored.satisfied == (True, None)
    assert row.scored.relevance[1] == (0.0,) * 5


def test_an_id_that_the_tokenizer_does_not_know_is_unscored() -> None:
    reward = RubricReward(TOKENIZER, Scorer())
    assert call(reward, [65, 263], "yes") == [None, 1.0]
    assert "263" in str(reward.rows[0].scored.verdicts[0].failure)


def test_a_prompt_comes_back_from_the_data_set_as_it_went_in() -> None:
    other = RubricPrompt(
        id="p2", prompt="Count.",
        rubric=Rubric((Criterion(id="a", text="x", kwargs={"n": 3, "deep": {"k": [1, None]}}),)),
    )  # fmt: skip
    dataset = rubric_dataset([PROMPT, other])
    assert [read_rubric_prompt(text) for text in dataset[RUBRIC_COLUMN]] == [PROMPT, other]
    assert dataset[0]["prompt"] == [{"role": "user", "content": "Say it."}]
    assert rubric_dataset([PROMPT], chat=False)[0]["prompt"] == "Say it."


TALK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say it."}]


def test_a_conversation_is_its_messages_its_transcript_or_without_system_message() -> None:
    talk = RubricPrompt(
        id="t", prompt=transcript(TALK), rubric=PROMPT.rubric, metadata={"messages": TALK}
    )
    assert rubric_dataset([talk, PROMPT])["prompt"] == [TALK, TALK[1:]]
    folded = [{"role": "user", "content": "Be brief.\n\nSay it."}]
    assert rubric_dataset([talk], system=False)[0]["prompt"] == folded
    assert rubric_dataset([talk], chat=False)[0]["prompt"] == transcript(TALK)


def test_an_empty_rubric_names_its_prompt() -> None:
    empty = RubricPrompt(id="p7", prompt="?", rubric=Rubric(()))
    with pytest.raises(UserError, match=r"'p7'.*at least one criterion"):
        rubric_dataset([PROMPT, empty])


def test_no_prompts_are_refused() -> None:
    with pytest.raises(UserError, match="at least one prompt"):
        rubric_dataset([])


def test_a_foreign_cell_says_how_to_make_the_column() -> None:
    with pytest.raises(UserError, match="rubric_dataset"):
        read_rubric_prompt("{}")
