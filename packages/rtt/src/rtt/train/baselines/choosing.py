"""Which recorded responses a baseline learns from: pure, in the order of the records, no chance.

In: rollout records. Out: `Example`s (supervised) or `Pair`s (DPO), and how many records went where.
A criterion without a verdict says nothing: a response that has one is counted as unscored and left
out, never taken as violating. One of negative weight must not hold, as for the reward.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from lmcommon.data.types import RubricPrompt
from rtt.policy.asking import Asked, asked
from rtt.records import RolloutRecord

__all__ = ["Chosen", "Example", "Pair", "choose_examples", "choose_pairs"]

HeldOut = Callable[[RubricPrompt], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One response to learn.

    Example:
        `Example(prompt="Name a river.", response="The Elbe.", is_ended=True)`
    """

    prompt: Asked
    """The text of a plain prompt, or the messages of a conversation."""
    response: str
    is_ended: bool = True
    """Whether the response came to its end; one that was cut short teaches no end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two responses to one prompt, the better one first."""

    prompt: Asked
    chosen: Example
    rejected: Example


Item = TypeVar("Item", Example, Pair)


@dataclass(frozen=True, slots=True)
class Chosen(Generic[Item]):
    """What was chosen, and the counts behind it."""

    items: tuple[Item, ...]
    counts: dict[str, int]
    """`responses` read; of these `held_out`, `unscored`, `repeated` and, for examples, `violating`
    were left out. For pairs, `prompts` left over and among them `ties` without a pair."""


def choose_examples(
    records: Iterable[RolloutRecord], *, accept: str = "satisfied", is_held_out: HeldOut
) -> Chosen[Example]:
    """The responses to imitate.

    Args:
        records: Scored responses.
        accept: satisfied: those that satisfy every criterion; all: every response, judged or not
            (of a stronger model, as in the paper).
        is_held_out: Prompts that the evaluation keeps for itself.
    """
    counts = Counter(responses=0, held_out=0, unscored=0, violating=0, repeated=0)
    found: dict[tuple[str, str], Example] = {}
    for record in records:
        counts["responses"] += 1
        satisfied = _met(record)
        key = (record.prompt.prompt, record.scored.rollout.text)
        if is_held_out(record.prompt):
            counts["held_out"] += 1
        elif accept == "satisfied" and None in satisfied:
            counts["unscored"] += 1
        elif accept == "satisfied" and not all(satisfied):
            counts["violating"] += 1
        elif key in found:
            counts["repeated"] += 1
        else:
            found[key] = _example(record)
    return Chosen(tuple(found.values()), dict(counts))


def choose_pairs(
    records: Iterable[RolloutRecord],
    rejected: Iterable[RolloutRecord] | None = None,
    *,
    accept: str = "better",
    pairs: int = 1,
    is_held_out: HeldOut,
) -> Chosen[Pair]:
    """Pairs of responses to one prompt.

    With better, the response that satisfies most criteria is set against the one that satisfies
    fewest, the second best against the second worst, and so on while one satisfies more than the
    other; of equals the earlier record is taken first on the better side.

    Args:
        records: Scored responses: both sides of the pairs, or the chosen ones.
        rejected: The other side, such as the responses of a weaker model; None: `records`.
        accept: better: by the verdicts; all: the first response of a prompt in `records` against
            its first in `rejected`, whatever the verdicts (as in the paper).
        pairs: Most pairs of a prompt.
        is_held_out: Prompts that the evaluation keeps for itself.

    Raises:
        ValueError: accept="all" without `rejected`.
    """
    if accept == "all" and rejected is None:
        raise ValueError("accept='all': expected rejected responses; got none")
    counts = Counter(responses=0, held_out=0, unscored=0, repeated=0, prompts=0, ties=0)
    by_verdicts = accept == "better"
    better = _by_prompt(records, counts, is_held_out, by_verdicts)
    worse = better if rejected is None else _by_prompt(rejected, counts, is_held_out, by_verdicts)
    items: list[Pair] = []
    for prompt, rows in better.items():
        if prompt not in worse:
            continue
        counts["prompts"] += 1
        made = _pairs(rows, worse[prompt], pairs, by_verdicts=by_verdicts)
        counts["ties"] += not made
        items += made
    return Chosen(tuple(items), dict(counts))


def _by_prompt(
    records: Iterable[RolloutRecord], counts: Counter[str], is_held_out: HeldOut, judged: bool
) -> dict[str, list[RolloutRecord]]:
    """The records that can be used, each text once, by prompt."""
    found: dict[str, dict[str, RolloutRecord]] = {}
    for record in records:
        counts["responses"] += 1
        rows = found.get(record.prompt.prompt, {})
        if is_held_out(record.prompt):
            counts["held_out"] += 1
        elif judged and None in record.scored.satisfied:
            counts["unscored"] += 1
        elif record.scored.rollout.text in rows:
            counts["repeated"] += 1
        else:
            found.setdefault(record.prompt.prompt, {})[record.scored.rollout.text] = record
    return {prompt: list(rows.values()) for prompt, rows in found.items()}


def _pairs(
    better: Sequence[RolloutRecord], worse: Sequence[RolloutRecord], most: int, *, by_verdicts: bool
) -> list[Pair]:
    if by_verdicts:
        better = sorted(better, key=_satisfied, reverse=True)  # stable: of equals, the earlier one
        worse = sorted(worse, key=_satisfied)
    made = []
    for first, second in list(zip(better, worse, strict=False))[:most]:
        if by_verdicts and _satisfied(first) <= _satisfied(second):
            break
        if first.scored.rollout.text != second.scored.rollout.text:
            made.append(Pair(prompt=asked(first.prompt), chosen=_example(first),
                             rejected=_example(second)))  # fmt: skip
    return made


def _satisfied(record: RolloutRecord) -> int:
    return sum(one is True for one in _met(record))


def _met(record: RolloutRecord) -> list[bool | None]:
    """Whether the response does what each criterion wants; None: no verdict."""
    return [
        criterion.is_met(satisfied)
        for criterion, satisfied in zip(
            record.prompt.rubric.criteria, record.scored.satisfied, strict=True
        )
    ]


def _example(record: RolloutRecord) -> Example:
    rollout = record.scored.rollout
    return Example(
        prompt=asked(record.prompt), response=rollout.text,
        is_ended=rollout.finish_reason == "stop",
    )  # fmt: skip
