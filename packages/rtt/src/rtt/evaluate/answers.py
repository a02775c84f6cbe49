"""What is evaluated: the answers to a benchmark's prompts, and what was judged of each.

In: rollout records, and the loose verdicts of their criteria where there are any. Out: `Item`s, one
a prompt, in the prompts' order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from lmcommon.data.types import RubricPrompt
from rtt.records.record import Place, RolloutRecord

__all__ = ["Answer", "Item", "Met", "Reading", "items_of"]

Met = tuple[bool | None, ...]
"""Whether each criterion of a rubric is met; None: it has no verdict."""
Reading = Literal["strict", "loose"]
"""The response as it is, or the best of its eight readings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response and whether it meets each criterion.

    Example:
        `Answer(text="a, b", strict=(False, True), loose=(False, True), length=3)`
    """

    text: str
    strict: Met
    """[R]. One of negative weight (that must not hold) is met where it does not hold."""
    loose: Met | None = None
    """[R]; None: the benchmark has no loose reading."""
    grades: tuple[float | None, ...] = ()
    """Of graded criteria, [R]; empty: none is graded."""
    failures: tuple[str, ...] = ()
    """Why a verdict is missing, one a missing verdict."""
    length: int = 0
    """Tokens."""
    is_cut: bool = False
    """Whether it ended at the limit of tokens."""

    def met(self, reading: Reading) -> Met:
        """The verdicts of one reading; ValueError where there is none."""
        told = self.strict if reading == "strict" else self.loose
        if told is None:
            raise ValueError("expected loose verdicts; this answer has none")
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A prompt of a benchmark with its answers, one a sample."""

    prompt: RubricPrompt
    answers: tuple[Answer, ...]


def items_of(
    records: Iterable[RolloutRecord], loose: Mapping[Place, Met] | None = None
) -> list[Item]:
    """Items of the records of one benchmark.

    Args:
        records: Groups one after the other, samples of a prompt together.
        loose: Verdicts of the loose reading by place; None: there is no such reading.

    Raises:
        KeyError: A record has no loose verdicts though others have.
    """
    answers: dict[int, list[Answer]] = {}
    prompts: dict[int, RubricPrompt] = {}
    for record in records:
        prompts.setdefault(record.group, record.prompt)
        place = (record.step, record.group, record.sample)
        answers.setdefault(record.group, []).append(
            _answer(record, None if loose is None else loose[place])
        )
    return [Item(prompt=prompt, answers=tuple(answers[group])) for group, prompt in prompts.items()]


def _answer(record: RolloutRecord, loose: Met | None) -> Answer:
    verdicts, rollout = record.scored.verdicts, record.scored.rollout
    criteria = record.prompt.rubric.criteria
    grades = tuple(verdict.score for verdict in verdicts)
    return Answer(
        text=rollout.text,
        strict=tuple(
            criterion.is_met(verdict.satisfied)
            for criterion, verdict in zip(criteria, verdicts, strict=True)
        ),
        loose=loose,
        grades=grades if any(one is not None for one in grades) else (),
        failures=tuple(
            (verdict.failure or "no reason given")[:120]
            for verdict in verdicts
            if verdict.satisfied is None
        ),
        length=len(rollout.tokens),
        is_cut=rollout.finish_reason == "length",
    )
