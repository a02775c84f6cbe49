"""Words in their places (second half of IFBench's `words` group).

A constraint on a place points at the word in that place, right or wrong.
"""

from __future__ import annotations

from itertools import pairwise

from lmcommon.verify.fields import POSITIVE, TEXT
from lmcommon.verify.ifbench.first_word import is_verb
from lmcommon.verify.ifbench.tokens import (
    EDGES,
    Piece,
    chunks,
    sentences,
    stripped,
    tokens,
    word_tokens,
)
from lmcommon.verify.types import Finding, Span, checker

__all__ = ["CHECKERS"]


@checker("words:keywords_specific_position", 'Word {m} of sentence {n} is "{keyword}".',
         keyword=TEXT, n=POSITIVE, m=POSITIVE)  # fmt: skip
def keywords_specific_position(response: str, *, keyword: str, n: int, m: int) -> Finding:
    """Words are Treebank tokens with a letter or digit ("don't" is two); case does not matter."""
    found = sentences(response)
    if len(found) < n:
        return Finding(False, ())
    words = word_tokens(response, *found[n - 1].span)
    if len(words) < m:
        return Finding(False, ())
    return Finding(_is(words[m - 1], keyword), (words[m - 1].span,))


@checker(
    "words:words_position",
    'The second word and the second to last word are both "{keyword}".',
    keyword=TEXT,
)
def words_position(response: str, *, keyword: str) -> Finding:
    """Words as in `keywords_specific_position`; the spans are those of the two places."""
    words = word_tokens(response)
    if len(words) < 2:
        return Finding(False, ())
    places = {words[1].span, words[-2].span}
    return Finding(_is(words[1], keyword) and _is(words[-2], keyword), tuple(sorted(places)))


def _is(word: Piece, keyword: str) -> bool:
    return word.text.lower() == keyword.strip().lower()


@checker("words:last_first", "The last word of a sentence is the first word of the next.",
         scope="every")  # fmt: skip
def last_first(response: str) -> Finding:
    """Only the outer punctuation of a sentence is passed over, so "Rain, ..." never follows "rain".

    The spans are the words at the joins, of a violation those of the first join that fails.
    """
    found = sentences(response)
    spans: list[Span] = []
    for left, right in pairwise(found):
        last = chunks(left.text.rstrip(EDGES))
        first = chunks(right.text.lstrip(EDGES))
        if not last or not first:
            return Finding(False, (left.span if not last else right.span,))
        cut = len(right.text) - len(right.text.lstrip(EDGES)) + right.span[0]
        pair = (
            (left.span[0] + last[-1].span[0], left.span[0] + last[-1].span[1]),
            (cut + first[0].span[0], cut + first[0].span[1]),
        )
        if last[-1].text.lower() != first[0].text.lower():
            return Finding(False, pair)
        spans += pair
    return Finding(True, tuple(spans) or None)


@checker("words:paragraph_last_first", "Every paragraph ends with the word that it starts with.",
         scope="every")  # fmt: skip
def paragraph_last_first(response: str) -> Finding:
    """A paragraph is a line with words; only its outer punctuation is passed over.

    The spans are the first and last words, of a violation only those of the wrong paragraphs.
    """
    right: list[Span] = []
    wrong: list[Span] = []
    start = 0
    for line in response.split("\n"):
        words = _edge_words(response, start, start + len(line))
        if words:
            same = words[0].text.lower() == words[-1].text.lower()
            (right if same else wrong).extend({words[0].span, words[-1].span})
        start += len(line) + 1
    return Finding(not wrong, tuple(sorted(wrong or right)))


def _edge_words(text: str, start: int, end: int) -> list[Piece]:
    """The words of a line once the punctuation at its two ends is gone."""
    line = text[start:end]
    core = stripped(stripped(Piece(line, (start, end)), None))
    return chunks(text, *core.span)


@checker("words:start_verb", "The first word is a verb.")
def start_verb(response: str) -> Finding:
    """As `first_word.is_verb` tells. The span is the first word."""
    words = tokens(response)
    return Finding(is_verb([word.text for word in words[:3]]), (words[0].span,))


CHECKERS = (
    keywords_specific_position, words_position, last_first, paragraph_last_first, start_verb,
)  # fmt: skip
