"""Lengths in words, sentences and paragraphs (IFEval's `length_constraints` group).

The whole response decides a length, so spans are None; `nth_paragraph_first_word` also depends on
a place, and points at the first word there.
"""

from __future__ import annotations

import re

from lmcommon.verify.fields import COUNT, POSITIVE, RELATION, TEXT
from lmcommon.verify.relation import holds
from lmcommon.verify.sentences import count_sentences
from lmcommon.verify.types import Finding, checker

__all__ = ["CHECKERS"]

_WORD = re.compile(r"\w+")
_DIVIDER = re.compile(r"\s?\*\*\*\s?")
_WORD_END = frozenset(".,?!'\"")


@checker("length_constraints:number_words", "The response has {relation} {num_words} words.",
         num_words=COUNT, relation=RELATION, scope="global")  # fmt: skip
def number_words(response: str, *, num_words: int, relation: str) -> Finding:
    """A word is a run of letters, digits and underscores: "don't" counts as two."""
    return Finding(holds(sum(1 for _ in _WORD.finditer(response)), relation, num_words))


@checker("length_constraints:number_sentences",
         "The response has {relation} {num_sentences} sentences.",
         num_sentences=COUNT, relation=RELATION, scope="global")  # fmt: skip
def number_sentences(response: str, *, num_sentences: int, relation: str) -> Finding:
    """Sentences as counted by `lmcommon.verify.sentences`."""
    return Finding(holds(count_sentences(response), relation, num_sentences))


@checker("length_constraints:number_paragraphs",
         "The response has exactly {num_paragraphs} paragraphs, divided by ***.",
         num_paragraphs=COUNT, scope="global")  # fmt: skip
def number_paragraphs(response: str, *, num_paragraphs: int) -> Finding:
    """An empty first or last part is not counted; an empty one in between violates."""
    parts = _DIVIDER.split(response)
    inner_is_empty = any(not part.strip() for part in parts[1:-1])
    count = sum(1 for part in parts if part.strip())
    return Finding(not inner_is_empty and count == num_paragraphs)


@checker("length_constraints:nth_paragraph_first_word",
         "There are exactly {num_paragraphs} paragraphs, divided by two line breaks; number "
         '{nth_paragraph} starts with the word "{first_word}".',
         num_paragraphs=POSITIVE, nth_paragraph=POSITIVE, first_word=TEXT)  # fmt: skip
def nth_paragraph_first_word(
    response: str, *, num_paragraphs: int, nth_paragraph: int, first_word: str
) -> Finding:
    """As in IFEval, blank parts are not counted but do keep their place in the numbering."""
    parts, at = [], 0
    for part in response.split("\n\n"):
        parts.append((at, part))
        at += len(part) + 2
    count = sum(1 for _, part in parts if part.strip())
    if nth_paragraph > count or not (part := parts[nth_paragraph - 1][1]).strip():
        return Finding(False, ())
    start = parts[nth_paragraph - 1][0] + len(part) - len(part.lstrip())
    raw = part.split()[0]
    opened = raw.lstrip("'").lstrip('"')
    start += len(raw) - len(opened)
    word = _until(opened, _WORD_END)
    span = (start, start + len(word))
    return Finding(count == num_paragraphs and word.lower() == first_word.lower().strip(), (span,))


def _until(text: str, stops: frozenset[str]) -> str:
    return text[: next((i for i, char in enumerate(text) if char in stops), len(text))]


CHECKERS = (number_words, number_sentences, number_paragraphs, nth_paragraph_first_word)
