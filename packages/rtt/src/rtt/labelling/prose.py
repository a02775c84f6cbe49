"""Made prose: sentences about everyday topics, put together from a bank of words and templates.

In: a random generator. Out: sentences, words and requests, plain enough that a small model learns
from their form rather than from their sense. A made-up name now and then keeps the vocabulary
open: a discriminator must learn to look a word up in the criterion, not to know it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

__all__ = ["Prose", "bank"]

_SLOT = re.compile(r"\{(\w+?)\d?\}")
_ONSETS = ("b", "br", "d", "dr", "f", "g", "k", "l", "m", "n", "p", "pl", "r", "s", "st", "t", "v")
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ou")
_ENDS = ("", "l", "n", "r", "s", "th", "nd")
_INVENTED = 0.08
"""Share of nouns that are made up."""


@cache
def bank() -> Mapping[str, Any]:
    """The words and templates of `prose.json`."""
    loaded: dict[str, Any] = json.loads(
        files("rtt.labelling").joinpath("prose.json").read_text("utf-8")
    )
    return loaded


@dataclass(frozen=True, slots=True)
class Prose:
    """A writer with one topic. Example: `Prose.of(Random(0)).sentence()`."""

    random: Random
    topic: str

    @classmethod
    def of(cls, random: Random) -> Prose:
        """A writer with a topic drawn at random."""
        return cls(random, random.choice(sorted(bank()["topics"])))

    def word(self, sort: str = "nouns", *, topic: str | None = None) -> str:
        """A word of the topic: one of "nouns", "adjectives", "verbs"; now and then a made-up noun.

        Args:
            sort: Which words.
            topic: Another topic; "any": one at random.
        """
        if sort == "nouns" and self.random.random() < _INVENTED:
            return self.invented()
        name = topic or self.topic
        if name == "any":
            name = self.random.choice(sorted(bank()["topics"]))
        return str(self.random.choice(bank()["topics"][name][sort]))

    def any_word(self) -> str:
        """A word of any topic and sort."""
        return self.word(self.random.choice(("nouns", "nouns", "adjectives", "verbs")), topic="any")

    def invented(self) -> str:
        """A word that nobody knows, such as "brailon"."""
        syllables = (
            self.random.choice(_ONSETS) + self.random.choice(_VOWELS)
            for _ in range(self.random.randint(1, 2))
        )
        return "".join(syllables) + self.random.choice(_ONSETS) + "o" + self.random.choice(_ENDS)

    def pick(self, what: str) -> str:
        """One line of a list of the bank, with its slots filled."""
        return self.fill(self.random.choice(bank()[what]))

    def fill(self, template: str) -> str:
        """A template with its slots filled, its first letter large."""
        text = _SLOT.sub(lambda match: self._slot(match.group(1)), template)
        return text[0].upper() + text[1:]

    def _slot(self, name: str) -> str:
        match name:
            case "noun":
                return self.word("nouns")
            case "verb":
                return self.word("verbs")
            case "adj":
                return self.word("adjectives")
            case "number":
                return str(self.random.choice((2, 3, 4, 5, 7, 9, 12, 15, 20, 48, 100, 250)))
            case "topic":
                return self.topic
        return str(self.random.choice(bank()[f"{name}s"]))

    def sentence(self) -> str:
        """One sentence: mostly a statement, else a question, an exclamation or a command."""
        sorts = (
            ("statements",) * 13 + ("questions",) * 3 + ("exclamations",) * 2 + ("commands",) * 2
        )
        return self.pick(self.random.choice(sorts))

    def sentences(self, number: int) -> list[str]:
        """So many sentences."""
        return [self.sentence() for _ in range(number)]

    def paragraph(self, sentences: int) -> str:
        """One paragraph of so many sentences."""
        return " ".join(self.sentences(sentences))

    def phrase(self) -> str:
        """A few words without an end mark, such as "the damp trellis"."""
        article = self.random.choice(("the", "a", "one", "every"))
        return f"{article} {self.word('adjectives')} {self.word('nouns')}"

    def title(self) -> str:
        """A heading, such as "The Damp Trellis"."""
        return " ".join(word.capitalize() for word in self.phrase().split())

    def foreign(self, language: str, sentences: int) -> str:
        """Sentences in one of the languages of the bank, such as "de"."""
        known: Sequence[str] = bank()["languages"][language]
        return " ".join(self.random.sample(known, min(sentences, len(known))))
