"""The prompts on which two evaluations disagree, with the criteria that make the difference.

In: paired items. Out: `Flip`s, the largest first, and Markdown in which each can be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

from rtt.evaluate.answers import Answer, Item

__all__ = ["Flip", "anchors_of", "flip_lines", "flips_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A prompt that fares differently on the two sides.

    Example:
        `Flip(benchmark="ifeval", prompt="1001", place=7, left=0.0, right=1.0, criteria=(("c0",
        "punctuation:no_comma", 0.0, 1.0),))`
    """

    benchmark: str
    prompt: str
    place: int
    """Number of its pair among those compared, from 0."""
    left: float
    """Share of the scored responses that meet every criterion."""
    right: float
    criteria: tuple[tuple[str, str, float | None, float | None], ...]
    """Those that differ: id, kind, share met on the left and on the right."""

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "criteria": [list(one) for one in self.criteria]}


def flips_of(benchmark: str, pairs: Sequence[tuple[Item, Item]]) -> list[Flip]:
    """The prompts whose share of responses that meet everything differs."""
    found = []
    for number, (left, right) in enumerate(pairs):
        mine, theirs = _share(left.answers), _share(right.answers)
        if mine is None or theirs is None or mine == theirs:
            continue
        criteria = tuple(
            (criterion.id, criterion.constraint_id or "judged", *shares)
            for place, criterion in enumerate(left.prompt.rubric.criteria)
            if len(set(shares := (_met(left.answers, place), _met(right.answers, place)))) > 1
        )
        found.append(
            Flip(
                benchmark=benchmark, prompt=left.prompt.id, place=number, left=mine,
                right=theirs, criteria=criteria,
            )
        )  # fmt: skip
    return sorted(found, key=lambda flip: -abs(flip.right - flip.left))


def anchors_of(flips: Iterable[Flip]) -> list[str]:
    """Names of their places in the file that shows them: of what can be read in ids, each once."""
    found: list[str] = []
    taken: set[str] = set()
    for flip in flips:
        name = re.sub(r"[^a-z0-9]+", "-", f"{flip.benchmark} {flip.prompt}".lower()).strip("-")
        free = (f"{name}-again-{number}" for number in count(2))
        found.append(name if name not in taken else next(one for one in free if one not in taken))
        taken.add(found[-1])
    return found


def flip_lines(
    flip: Flip, left: Item, right: Item, names: tuple[str, str], anchor: str
) -> Iterator[str]:
    """A flip to read: prompt, criteria, the responses of both sides."""
    yield f'<a id="{anchor}"></a>'
    yield ""
    yield f"## {flip.benchmark} {flip.prompt}"
    yield ""
    yield from _quoted(left.prompt.prompt)
    yield ""
    for name, kind, mine, theirs in flip.criteria:
        yield f"- {name} {kind}: {_told(mine)} on the left, {_told(theirs)} on the right"
    for side, item in zip(names, (left, right), strict=True):
        for number, answer in enumerate(item.answers):
            yield ""
            yield f"**{side}**, response {number}:"
            yield ""
            yield from _quoted(answer.text)
    yield ""


def _share(answers: Sequence[Answer]) -> float | None:
    known = [all(answer.strict) for answer in answers if None not in answer.strict]
    return sum(known) / len(known) if known else None


def _met(answers: Sequence[Answer], place: int) -> float | None:
    known = [met for answer in answers if (met := answer.strict[place]) is not None]
    return sum(known) / len(known) if known else None


def _told(share: float | None) -> str:
    return "no verdict" if share is None else f"met {share:.0%}"


def _quoted(text: str) -> Iterator[str]:
    """As a block of code, which no mark in the text can end."""
    fence = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 3)
    yield fence + "text"
    yield text
    yield fence
