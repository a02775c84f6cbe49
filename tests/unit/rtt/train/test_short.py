"""Prompts that are too long for the policy are left out of the stream."""

from __future__ import annotations

from itertools import cycle, islice

import pytest

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.types import Criterion, Rubric
from rtt.train.short import short_enough


def prompt(words: int) -> RubricPrompt:
    rubric = Rubric((Criterion(id="1", text="Be brief."),))
    return RubricPrompt(id=str(words), prompt="word " * words, rubric=rubric)


def ask(text: str) -> list[int]:
    return [1] * len(text.split())


def test_only_prompts_within_the_limit_pass() -> None:
    kept = short_enough([prompt(words) for words in (3, 5, 4, 9)], ask, 4)
    assert [one.id for one in kept] == ["3", "4"]


def test_without_a_limit_nothing_is_counted() -> None:
    def never(text: str) -> list[int]:
        raise AssertionError(text)

    assert [one.id for one in short_enough([prompt(9)], never, None)] == ["9"]


def test_an_endless_stream_of_long_prompts_is_refused() -> None:
    with pytest.raises(UserError, match="expected prompts of at most 4 tokens"):
        list(islice(short_enough(cycle([prompt(9)]), ask, 4), 1))
