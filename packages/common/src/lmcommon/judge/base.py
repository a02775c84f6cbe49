"""The two protocols of judging, and what is put before a judge.

A `Judge` decides whether a response meets one criterion; an `AnswerJudge` decides whether an
answer agrees with a gold answer. Both are batch-first, keep the order, and never raise for a
single item: an item that could not be judged is an unscored `Verdict`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from lmcommon.judge.types import Criterion, Verdict

__all__ = ["AnswerItem", "AnswerJudge", "Judge", "JudgeItem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeItem:
    """A response and one criterion to hold it to.

    Example:
        `JudgeItem(prompt="A fruit?", response="Kiwi", criterion=Criterion(id="1", text="..."))`
    """

    prompt: str
    response: str
    criterion: Criterion


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerItem:
    """A predicted answer beside the gold one.

    Example:
        `AnswerItem(question="Where does Ana live?", gold="Oslo", prediction="She lives in Oslo.")`
    """

    question: str
    gold: str | None
    """None: the question has no answer, the right behaviour is to abstain."""
    prediction: str


@runtime_checkable
class Judge(Protocol):
    """Holds responses to criteria."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """JSON-able facts that decide the verdicts (kind, prompt digest, model identity)."""
        ...

    def judge(self, items: Sequence[JudgeItem]) -> list[Verdict]:
        """One verdict per item, in order."""
        ...


@runtime_checkable
class AnswerJudge(Protocol):
    """Compares answers with gold answers."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """JSON-able facts that decide the verdicts."""
        ...

    def judge(self, items: Sequence[AnswerItem]) -> list[Verdict]:
        """One verdict per item, in order; spans are characters of the prediction."""
        ...
