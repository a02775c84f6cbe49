"""Marks around and within words: brackets, quotes, capitals, emoji (IFBench's `format` group)."""

from __future__ import annotations

import string
from itertools import pairwise

from lmcommon.extras import require
from lmcommon.verify.ifbench.tokens import PUNCTUATION, Piece, sentences, tokens
from lmcommon.verify.types import Finding, Span, checker

__all__ = ["CHECKERS"]

_PAIRS = {")": "(", "]": "[", "}": "{"}
_BRACKET_LEVELS, _QUOTE_LEVELS = 5, 3
_NO_QUOTE = string.digits + string.punctuation.replace('"', "")


@checker("format:parentheses",
         "Parentheses, brackets and braces are nested at least five levels deep.")  # fmt: skip
def parentheses(response: str) -> Finding:
    """A closing mark that fits nothing starts anew. The span goes from the outermost mark to the
    first one that closes a level, which is as far as IFBench looks.
    """
    opened: list[int] = []
    for at, char in enumerate(response):
        if char in _PAIRS.values():
            opened.append(at)
        elif char in _PAIRS:
            if not opened or response[opened[-1]] != _PAIRS[char]:
                opened = []
            elif len(opened) >= _BRACKET_LEVELS:
                return Finding(True, ((opened[0], at + 1),))
            else:
                opened.pop()
    return Finding(False, ())


@checker(
    "format:quotes",
    "Quotations are nested at least three levels deep, double and single marks in turn.",
)
def quotes(response: str) -> Finding:
    """Apostrophes count as single marks, as in IFBench. The span is the nested quotation."""
    opened: list[int] = []
    deepest = 0
    for at, char in enumerate(response):
        if opened and char == response[opened[-1]]:
            start = opened.pop()
            if deepest - len(opened) >= _QUOTE_LEVELS:
                return Finding(True, ((start, at + 1),))
        elif char in "\"'":
            opened.append(at)
            deepest = max(deepest, len(opened))
    return Finding(False, ())


@checker(
    "format:quote_unquote",
    "Every phrase in quotation marks is followed by an explanation without them.",
    scope="forbidden",
)
def quote_unquote(response: str) -> Finding:
    """No two straight double marks in a row (white space aside), and none at the end.

    The spans of a violation are such marks.
    """
    text = response.replace("'\"'", "   ")  # a mark that is only spoken of
    kept = [at for at, char in enumerate(text) if not char.isspace()]
    wrong = {
        one
        for left, right in pairwise(kept)
        if text[left] == text[right] == '"'
        for one in (left, right)
    }
    while kept and text[kept[-1]] in _NO_QUOTE:
        kept.pop()
    if not wrong and kept and text[kept[-1]] == '"':
        wrong = {kept[-1]}
    return Finding(not wrong, tuple((at, at + 1) for at in sorted(wrong)) or None)


@checker("format:no_whitespace", "The response contains no white space.",
         scope="forbidden")  # fmt: skip
def no_whitespace(response: str) -> Finding:
    """The spans are the white space."""
    wrong = tuple((at, at + 1) for at, char in enumerate(response) if char.isspace())
    return Finding(not wrong, wrong)


@checker("format:title_case", "The whole response is in title case.", scope="forbidden")
def title_case(response: str) -> Finding:
    """No Treebank token starts with a small letter, short words neither; mixed case inside passes.

    The spans are the words that break the rule.
    """
    wrong = tuple(token.span for token in tokens(response) if _is_low(token.text))
    return Finding(not wrong, wrong or None)


def _is_low(word: str) -> bool:
    rest = word[1:]
    is_even = not rest or rest.islower() or rest.isupper()
    return word[0].isalpha() and word[0].islower() and is_even


@checker("format:emoji", "Every sentence ends with an emoji.")
def emoji(response: str) -> Finding:
    """Last or last but one after removal of punctuation, or else first in the next sentence.

    The spans are the emoji in these places.
    """
    is_emoji = require("emoji", extra="lmcommon").is_emoji
    places = [_letters(one) for one in sentences(response)]
    found: list[Span] = []
    is_right = bool(places)
    for here, following in zip(places, [*places[1:], []], strict=True):
        near = [*here[:-3:-1], *following[:1]] if here else []
        hit = next((at for at in near if is_emoji(response[at])), None)
        if hit is None:
            is_right = False
        else:
            found.append((hit, hit + 1))
    return Finding(is_right, tuple(sorted(set(found))))


def _letters(sentence: Piece) -> list[int]:
    """Where the characters of a sentence are, without punctuation and outer white space."""
    start = sentence.span[0]
    kept = [start + at for at, char in enumerate(sentence.text) if char not in PUNCTUATION]
    bare = "".join(char for char in sentence.text if char not in PUNCTUATION)
    return kept[len(bare) - len(bare.lstrip()) : len(bare.rstrip())]


CHECKERS = (parentheses, quotes, quote_unquote, no_whitespace, title_case, emoji)
