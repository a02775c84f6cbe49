"""FollowBench's figures: prompts that grow by one constraint a level.

Jiang et al. 2024, arXiv 2310.20410, section 3.4. With `met[i][j]` the j-th constraint of a response
at level n of ladder i:

- hard satisfaction (HSR) at level n: share of responses that meet all n constraints;
- soft satisfaction (SSR): mean over responses of the share of the n constraints that is met (of
  those that have a verdict: leaving out whole responses would leave out high levels most often);
- consistent levels (CSL): mean over ladders of the longest run of levels 1, 2, ..., n that are all
  fully satisfied, from 0 to 5.

A prompt says where it stands by `metadata["ladder"]` and `metadata["level"]`; level 0, the plain
instruction, counts nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from lmcommon.data.types import RubricPrompt
from rtt.evaluate.answers import Answer, Item
from rtt.evaluate.columns import one_unit_each, prompts
from rtt.evaluate.rates import Count, Unit

__all__ = ["consistent_levels", "hard", "level_of", "soft"]


def level_of(prompt: RubricPrompt) -> int:
    """The level of a prompt; 0 for one without."""
    return int(prompt.metadata.get("level") or 0)


def hard(items: Sequence[Item]) -> list[Unit]:
    """Units of HSR: all constraints of a response met."""
    return prompts("strict")(_raised(items))


def soft(items: Sequence[Item]) -> list[Unit]:
    """Units of SSR: the share of a response's constraints that is met, each response alike."""
    return one_unit_each(_share)(_raised(items))


def consistent_levels(items: Sequence[Item]) -> list[Unit]:
    """Units of CSL: one a ladder.

    A ladder that lacks a level, up to the highest of any, is left out: it cannot be told how far
    its run goes.
    """
    ladders: dict[str, dict[int, Item]] = {}
    for item in _raised(items):
        ladders.setdefault(str(item.prompt.metadata["ladder"]), {})[level_of(item.prompt)] = item
    top = max((level for levels in ladders.values() for level in levels), default=0)
    units = []
    for name, levels in ladders.items():
        if len(levels) < top:
            continue
        rungs = [levels[level] for level in sorted(levels)]
        number = min(len(item.answers) for item in rungs)
        counts = tuple(_run([item.answers[place] for item in rungs]) for place in range(number))
        units.append(Unit(key=name, cluster=name, samples=counts))
    return units


def _raised(items: Sequence[Item]) -> list[Item]:
    return [item for item in items if level_of(item.prompt) > 0]


def _share(_: RubricPrompt, answer: Answer) -> Count:
    told = answer.strict
    if not told:
        return Count(hits=0, of=0, total=0, low=0, high=0)
    met, known = sum(one is True for one in told), len(told) - told.count(None)
    return Count(
        hits=met / known if known else 0.0, of=float(known > 0), total=1.0, low=met / len(told),
        high=(met + len(told) - known) / len(told),
    )  # fmt: skip


def _run(answers: Sequence[Answer]) -> Count:
    """How many levels from the first on are fully satisfied, in one sample of a ladder.

    Unscored where any verdict is missing, even above the level that ends the run: short runs are
    known early, and counting those while long ones stay open would pull the mean down.
    """
    low = high = 0
    for answer in answers:
        if not all(met is True for met in answer.strict):
            break
        low += 1
    for answer in answers:
        if False in answer.strict:
            break
        high += 1
    is_known = not any(None in answer.strict for answer in answers)
    return Count(
        hits=float(low if is_known else 0), of=float(is_known), total=1.0, low=float(low),
        high=float(high),
    )  # fmt: skip
