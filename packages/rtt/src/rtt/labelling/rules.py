"""Rule-made examples: a response, a constraint drawn for it, and what the checker says decides.

In: a seed, and texts (made ones by default). Out: an endless stream of `LabelledResponse`, equally
many of each kind, met and broken in turn where a kind allows it. A label is what
`rtt.taxonomy.deciding_spans` makes of the checker's verdict on the final response, nothing else.
Row `i` depends on the seed and `i` alone, so a stream can be taken up anywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from lmcommon.errors import UserError
from lmcommon.judge.types import Criterion, Verdict
from lmcommon.rng import random_for
from lmcommon.verify.checking import check
from rtt.discriminator.examples import LabelledResponse
from rtt.labelling.kinds import DRAWERS
from rtt.labelling.prose import Prose
from rtt.labelling.scene import Scene
from rtt.labelling.shapes import respond
from rtt.labelling.wording import worded
from rtt.taxonomy import deciding_spans

__all__ = ["Case", "GivenText", "RuleMade", "label_case", "prompt_id", "rule_kinds"]

_TRIES = 8
"""Draws before an outcome that was not wanted is kept."""


class GivenText(NamedTuple):
    """A response from outside. Example: `GivenText("Say hi.", "Hi!", "ifeval")`."""

    prompt: str
    response: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A response and the program-checked criterion that is asked of it."""

    prompt: str
    criterion: Criterion
    response: str
    origin: str

    @property
    def verdict(self) -> Verdict:
        """What the checker says."""
        assert self.criterion.constraint_id is not None
        return check(
            self.criterion.constraint_id,
            self.criterion.kwargs,
            prompt=self.prompt,
            response=self.response,
        )


def rule_kinds() -> tuple[str, ...]:
    """The constraint ids that can be drawn, sorted."""
    return tuple(sorted(DRAWERS))


def prompt_id(prompt: str) -> str:
    """The id of a prompt that has none: a hash of its text."""
    digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass"))
    return f"p-{digest.hexdigest()[:12]}"


def label_case(case: Case) -> LabelledResponse:
    """The example that the checker makes of a case."""
    verdict = case.verdict
    return LabelledResponse(
        criterion=case.criterion.text,
        response=case.response,
        spans=deciding_spans(case.criterion, verdict),
        prompt=case.prompt,
        prompt_id=prompt_id(case.prompt),
        kind=case.criterion.constraint_id or "",
        satisfied=verdict.satisfied,
        source="rules",
        origin=case.origin,
    )


@dataclass(kw_only=True)
class RuleMade:
    """Settings of the rule-made examples.

    Example:
        `next(RuleMade(kinds=("punctuation:no_comma",)).examples(seed=0)).kind` is
        `"punctuation:no_comma"`.
    """

    kinds: tuple[str, ...] = ()
    """Constraint ids; none: all of `rule_kinds()`."""
    longest: int = 6
    """Sentences of a made text at most, roughly."""
    longest_given: int = 1200
    """Characters of a text from outside at most; longer ones are not used."""
    share_given: float = 0.5
    """How many of the rows start from a text from outside, if there are any."""

    def __post_init__(self) -> None:
        self.kinds = tuple(self.kinds)
        if unknown := sorted(set(self.kinds) - set(DRAWERS)):
            raise UserError(
                f"rules.kinds: expected ids of rtt.labelling.rule_kinds(); got {unknown}; remove "
                "or correct them"
            )
        for name in ("longest", "longest_given"):
            if getattr(self, name) < 1:
                raise UserError(f"rules.{name}: expected at least 1; got {getattr(self, name)!r}")
        if self.share_given < 0 or self.share_given > 1:
            raise UserError(f"rules.share_given: expected 0 to 1; got {self.share_given!r}")

    def examples(
        self, seed: int, *, start: int = 0, texts: Sequence[GivenText] = ()
    ) -> Iterator[LabelledResponse]:
        """An endless stream of labelled rows; the same seed gives the same rows.

        Args:
            seed: Decides everything.
            start: Number of the first row.
            texts: Responses from outside, used beside the made ones.
        """
        return map(label_case, self.cases(seed, start=start, texts=texts))

    def cases(
        self, seed: int, *, start: int = 0, texts: Sequence[GivenText] = ()
    ) -> Iterator[Case]:
        """The same stream before it is labelled: with the arguments of each constraint."""
        kinds = self.kinds or rule_kinds()
        usable = [
            text for text in texts
            if text.response.strip() and len(text.response) <= self.longest_given
        ]  # fmt: skip
        row = start
        while True:
            cycle, place = divmod(row, len(kinds))
            order = random_for(seed, "rules", "order", cycle).sample(kinds, len(kinds))
            wanted = (cycle + kinds.index(order[place])) % 2 == 0
            yield self.draw(random_for(seed, "rules", "row", row), order[place], wanted, usable)
            row += 1

    def draw(
        self, random: Random, kind: str, wanted: bool, texts: Sequence[GivenText] = ()
    ) -> Case:
        """One case of a kind, with the wanted outcome if a few tries find it."""
        for _ in range(_TRIES):
            case = self._drawn(random, kind, wanted, texts)
            if case.verdict.satisfied is wanted:
                break
        return case

    def _drawn(self, random: Random, kind: str, wanted: bool, texts: Sequence[GivenText]) -> Case:
        prose = Prose.of(random)
        given = random.choice(texts) if texts and random.random() < self.share_given else None
        text = given.response if given else respond(prose, longest=self.longest)
        kwargs, response = DRAWERS[kind](Scene(prose, text, wanted))
        said = worded(kind, kwargs, random)
        return Case(
            prompt=given.prompt if given else f"{prose.pick('requests')} {said}",
            criterion=Criterion(id="c0", text=said, constraint_id=kind, kwargs=dict(kwargs)),
            response=response,
            origin=given.origin if given else "generated",
        )
