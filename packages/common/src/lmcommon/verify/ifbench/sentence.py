"""Sentences one after the other (IFBench's `sentence` group)."""

from __future__ import annotations

import re
from itertools import pairwise

from lmcommon.verify.fields import COUNT, POSITIVE, TEXT
from lmcommon.verify.ifbench.tokens import Piece, bare_words, chunks, sentences, stripped
from lmcommon.verify.types import Finding, Span, checker

__all__ = ["CHECKERS"]


@checker("sentence:alliteration_increment",
         "Every sentence has more words in alliteration than the one before.",
         scope="global")  # fmt: skip
def alliteration_increment(response: str) -> Finding:
    """Words beside a word with the same first letter count. The spans are these words."""
    counts, spans = [], []
    for sentence in sentences(response):
        count, found = _alliteration(_words(response, sentence))
        counts.append(count)
        spans += found
    grows = all(left < right for left, right in pairwise(counts))
    return Finding(grows, tuple(spans))


def _words(text: str, sentence: Piece) -> list[Piece]:
    found = [stripped(chunk) for chunk in chunks(text, *sentence.span)]
    return [Piece(word.text.lower(), word.span) for word in found if word.text]


def _alliteration(words: list[Piece]) -> tuple[int, list[Span]]:
    """How many words stand in runs with one first letter, and where they are."""
    joins = [left.text[0] == right.text[0] for left, right in pairwise(words)]
    inside = [
        word.span
        for word, before, after in zip(words, [False, *joins], [*joins, False], strict=False)
        if before or after
    ]
    return len(inside), inside


@checker("sentence:increment",
         "Every sentence has exactly {small_n} more words than the one before.",
         small_n=COUNT, scope="forbidden")  # fmt: skip
def increment(response: str, *, small_n: int) -> Finding:
    """The span of a violation is the first sentence that is too long or too short."""
    found = sentences(response)
    counts = [len(bare_words(response, *one.span)) for one in found]
    for one, count, before in zip(found[1:], counts[1:], counts, strict=False):
        if count != before + small_n:
            return Finding(False, (one.span,))
    return Finding(True)


@checker("sentence:keyword", 'Sentence {N} contains the word "{word}".', N=POSITIVE, word=TEXT)
def keyword(response: str, *, N: int, word: str) -> Finding:
    """A whole word, in any case. The spans are its places in that sentence."""
    found = sentences(response)
    if len(found) < N:
        return Finding(False, ())
    pattern = re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE)
    text, (start, _) = found[N - 1]
    spans = tuple((start + one.start(), start + one.end()) for one in pattern.finditer(text))
    return Finding(bool(spans), spans)


CHECKERS = (alliteration_increment, increment, keyword)
