"""The words task: write T words under three constraints. Small enough to learn on one CPU core.

In: a random generator. Out: `RubricPrompt` rows whose criteria are `words:*` constraints of
`lmcommon.verify`, and partly right responses for a warm start. A prompt reads
`start amber avoid coral dune iris word3 jade opal :`; every word of it is one token of the policy.
Training and held-out prompts are disjoint by a hash of the rubric, whatever the order of its
criteria.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.types import Criterion, Rubric
from lmcommon.rng import random_for
from lmcommon.verify.checking import describe
from rtt.tasks.base import Split

__all__ = ["KINDS", "WORDS", "WordsTask"]

WORDS = (
    "amber", "birch", "coral", "dune", "ember", "fjord", "grove", "heath", "iris", "jade", "kelp",
    "lotus", "maple", "north", "opal", "pine", "quartz", "river", "sage", "tulip", "umber", "vale",
    "willow", "yarrow",
)  # fmt: skip
KINDS = ("start", "end", "include", "exclude", "position", "count")
_SHARE_HELD_OUT = 8
"""One rubric in eight is held out."""


@dataclass(kw_only=True)
class WordsTask:
    """Settings of the task; `prompts` draws from it.

    Example:
        `next(WordsTask().prompts("train", seed=0)).prompt` is
        `"include jade start north avoid coral dune iris :"`.
    """

    length: int = 8
    """T: words in a response, at least 6."""
    constraints: int = 3
    """Different kinds of constraint in one prompt."""
    vocabulary: int = 16
    """Words to choose from, the first of `WORDS`."""
    kinds: tuple[str, ...] = KINDS[:5]
    """Some of `KINDS`. `count`, a global constraint, is left out: a policy this small hardly
    learns it."""
    forbidden: int = 3
    """Words that one `exclude` forbids."""
    allowed: int = 2
    """Words that one `position` accepts."""

    def __post_init__(self) -> None:
        self.kinds = tuple(self.kinds)
        if unknown := sorted(set(self.kinds) - set(KINDS)):
            raise UserError(f"task.kinds: expected some of {', '.join(KINDS)}; got {unknown}")
        if not 1 <= self.constraints <= len(self.kinds):
            raise UserError(
                f"task.constraints: expected 1 to {len(self.kinds)} (the number of kinds); "
                f"got {self.constraints}"
            )
        needed = self.constraints - 1 + max(self.forbidden, self.allowed, 1)
        if not needed + 1 < self.vocabulary <= len(WORDS):
            raise UserError(
                f"task.vocabulary: expected {needed + 2} to {len(WORDS)}; got {self.vocabulary}"
            )
        if self.length < 6:
            raise UserError(f"task.length: expected at least 6; got {self.length}")

    @property
    def max_tokens(self) -> int:
        """Tokens of a response at most: one a word."""
        return self.length

    @property
    def words(self) -> tuple[str, ...]:
        """The response vocabulary."""
        return WORDS[: self.vocabulary]

    @property
    def tokens(self) -> tuple[str, ...]:
        """Every word that a prompt or a response can hold."""
        places = tuple(f"word{place}" for place in range(2, self.length))
        return (*self.words, "start", "end", "include", "avoid", "twice", "thrice", *places, ":")

    def prompts(self, split: Split, seed: int) -> Iterator[RubricPrompt]:
        """An endless stream of prompts of one split; the same seed gives the same stream."""
        random = random_for(seed, "words", split)
        while True:
            prompt = self.draw(random)
            if (split == "heldout") == self.is_held_out(prompt):
                yield prompt

    def draw(self, random: Random) -> RubricPrompt:
        """One prompt of either split. No word serves two constraints: all can be met at once."""
        kinds = random.sample(self.kinds, self.constraints)
        words = random.sample(self.words, len(self.words))
        criteria, phrases = [], []
        for number, kind in enumerate(kinds):
            kwargs, phrase = self._constraint(kind, words, random)
            constraint_id = f"words:{kind}"
            criteria.append(
                Criterion(
                    id=f"c{number}",
                    text=describe(constraint_id, kwargs),
                    constraint_id=constraint_id,
                    kwargs=kwargs,
                )
            )
            phrases.append(phrase)
        rubric = Rubric(tuple(criteria))
        return RubricPrompt(
            id=f"words-{_digest(rubric)[:12]}",
            prompt=f"{' '.join(phrases)} :",
            rubric=rubric,
            source="words",
            metadata={"wording": {f"c{number}": phrase for number, phrase in enumerate(phrases)}},
        )

    def is_held_out(self, prompt: RubricPrompt) -> bool:
        """Whether the prompt's rubric belongs to the held-out split."""
        return int(_digest(prompt.rubric)[:8], 16) % _SHARE_HELD_OUT == 0

    def sketch(self, prompt: RubricPrompt, random: Random, *, care: float) -> str:
        """A response that tries to meet each constraint with probability `care`.

        What it does not try for is left to random words, so a constraint may be met by luck.
        """
        answer = [random.choice(self.words) for _ in range(self.length)]
        inner = random.sample(range(1, self.length - 1), self.length - 2)
        for criterion in prompt.rubric.criteria:
            if random.random() < care:
                self._fulfil(criterion, answer, inner, random)
        return " ".join(answer)

    def _constraint(
        self, kind: str, words: list[str], random: Random
    ) -> tuple[Mapping[str, Any], str]:
        """Arguments and wording of one constraint; takes its words from the end of `words`."""
        if kind == "exclude":
            taken = [words.pop() for _ in range(self.forbidden)]
            return {"words": taken}, f"avoid {' '.join(taken)}"
        if kind == "position":
            place = random.randrange(2, self.length)
            taken = [words.pop() for _ in range(self.allowed)]
            return {"position": place, "words": taken}, f"word{place} {' '.join(taken)}"
        word = words.pop()
        if kind == "count":
            count = random.choice((2, 3))
            return {"word": word, "count": count}, f"{'twice' if count == 2 else 'thrice'} {word}"
        return {"word": word}, f"{kind} {word}"

    def _fulfil(
        self, criterion: Criterion, answer: list[str], inner: list[int], random: Random
    ) -> None:
        kwargs = criterion.kwargs
        match criterion.constraint_id:
            case "words:start":
                answer[0] = kwargs["word"]
            case "words:end":
                answer[-1] = kwargs["word"]
            case "words:include":
                answer[inner.pop()] = kwargs["word"]
            case "words:position":
                place = kwargs["position"] - 1
                answer[place] = random.choice(kwargs["words"])
                if place in inner:
                    inner.remove(place)
            case "words:count":
                self._replace(answer, {kwargs["word"]}, random)
                for _ in range(kwargs["count"]):
                    answer[inner.pop()] = kwargs["word"]
            case "words:exclude":
                self._replace(answer, set(kwargs["words"]), random)

    def _replace(self, answer: list[str], unwanted: set[str], random: Random) -> None:
        others = [word for word in self.words if word not in unwanted]
        answer[:] = [random.choice(others) if word in unwanted else word for word in answer]


def _digest(rubric: Rubric) -> str:
    facts = sorted(
        json.dumps([c.constraint_id, dict(c.kwargs)], sort_keys=True) for c in rubric.criteria
    )
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()
