"""Keywords: required, forbidden, counted words and letters (IFEval's `keywords` group).

Required keywords match anywhere, inside other words too, as in IFEval; forbidden ones only as
whole words. Case never matters.
"""

from __future__ import annotations

import re

from lmcommon.verify.fields import COUNT, LETTER, RELATION, TEXT, TEXTS
from lmcommon.verify.relation import holds
from lmcommon.verify.types import Finding, Span, checker

__all__ = ["CHECKERS"]


def _occurrences(text: str, keyword: str) -> list[Span]:
    return [match.span() for match in re.finditer(re.escape(keyword), text, re.IGNORECASE)]


@checker("keywords:existence", "These keywords occur: {keywords}.", keywords=TEXTS)
def existence(response: str, *, keywords: tuple[str, ...]) -> Finding:
    """Every keyword occurs; the spans are the occurrences of those that do."""
    found = [_occurrences(response, keyword) for keyword in keywords]
    return Finding(all(found), tuple(sorted({span for spans in found for span in spans})))


@checker("keywords:frequency", 'The word "{keyword}" occurs {relation} {frequency} times.',
         keyword=TEXT, frequency=COUNT, relation=RELATION, scope="global")  # fmt: skip
def frequency(response: str, *, keyword: str, frequency: int, relation: str) -> Finding:
    """The keyword occurs often, or rarely, enough; the spans are all occurrences."""
    spans = tuple(_occurrences(response, keyword.strip()))
    return Finding(holds(len(spans), relation, frequency), spans)


@checker("keywords:forbidden_words", "None of these words occurs: {forbidden_words}.",
         forbidden_words=TEXTS, scope="forbidden")  # fmt: skip
def forbidden_words(response: str, *, forbidden_words: tuple[str, ...]) -> Finding:
    """No forbidden word occurs as a whole word; the spans are the occurrences."""
    spans = {
        match.span()
        for word in forbidden_words
        for match in re.finditer(_whole(word), response, re.IGNORECASE)
    }
    return Finding(not spans, tuple(sorted(spans)))


def _whole(word: str) -> str:
    """The word with a border at each end; a sign at an end, as in "C++", is its own border."""
    front, back = (r"\b" if re.match(r"\w", end) else "" for end in (word[0], word[-1]))
    return f"{front}{re.escape(word)}{back}"


@checker("keywords:letter_frequency",
         'The letter "{letter}" occurs {let_relation} {let_frequency} times.',
         letter=LETTER, let_frequency=COUNT, let_relation=RELATION, scope="global")  # fmt: skip
def letter_frequency(
    response: str, *, letter: str, let_frequency: int, let_relation: str
) -> Finding:
    """The letter (or sign) occurs often, or rarely, enough; the spans are all occurrences."""
    wanted = letter.lower()
    spans = tuple((i, i + 1) for i, char in enumerate(response) if char.lower() == wanted)
    return Finding(holds(len(spans), let_relation, let_frequency), spans)


CHECKERS = (existence, frequency, forbidden_words, letter_frequency)
