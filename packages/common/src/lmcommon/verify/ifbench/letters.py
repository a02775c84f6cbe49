"""Letters and sounds of the words (first half of IFBench's `words` group).

A rule on every word points at the words that break it; when it holds the whole response decides.
A word is what stands between white space, without its ASCII punctuation unless said otherwise.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from lmcommon.extras import require
from lmcommon.verify.fields import COUNT
from lmcommon.verify.ifbench.tokens import Piece, bare_words, chunks
from lmcommon.verify.types import Finding, Span, checker

__all__ = ["CHECKERS"]

_ALPHABET = string.ascii_lowercase
_VOWELS = frozenset("aeiou")
_CONSONANTS = frozenset(_ALPHABET) - _VOWELS
_PRIMES = frozenset(
    number for number in range(2, 100) if all(number % smaller for smaller in range(2, number))
)
_PALINDROMES, _PALINDROME_LETTERS = 10, 5
_VOWEL_KINDS = 3


def _lower_words(text: str) -> list[Piece]:
    return [Piece(word.text.lower(), word.span) for word in bare_words(text)]


def _unless(wrong: Iterable[Span]) -> Finding:
    """Satisfied if nothing is wrong."""
    spans = tuple(wrong)
    return Finding(not spans, spans or None)


@checker("words:alphabet", "The words start with the letters of the alphabet in order, A after Z.",
         scope="forbidden")  # fmt: skip
def alphabet(response: str) -> Finding:
    """Any letter may begin. The span of a violation is the first word out of order."""
    words = _lower_words(response)
    if not words:
        return Finding(False)
    start = _ALPHABET.find(words[0].text[0])
    if start < 0:
        return Finding(False, (words[0].span,))
    for place, word in enumerate(words):
        if word.text[0] != _ALPHABET[(start + place) % 26]:
            return Finding(False, (word.span,))
    return Finding(True)


@checker("words:consonants", "Every word has two or more consonants in a row.",
         scope="forbidden")  # fmt: skip
def consonants(response: str) -> Finding:
    """Y is a consonant. Lone marks and numbers count as words, and so break the rule."""
    return _unless(chunk.span for chunk in chunks(response) if not _has_cluster(chunk.text.lower()))


def _has_cluster(word: str) -> bool:
    pairs = pairwise(word)
    return any(left in _CONSONANTS and right in _CONSONANTS for left, right in pairs)


@checker("words:no_consecutive", "No two words in a row start with the same letter.",
         scope="forbidden")  # fmt: skip
def no_consecutive(response: str) -> Finding:
    """The spans are the words that do."""
    words = _lower_words(response)
    wrong = {
        word.span
        for left, right in pairwise(words)
        if left.text[0] == right.text[0]
        for word in (left, right)
    }
    return Finding(not wrong, tuple(sorted(wrong)))


@checker("words:odd_even_syllables",
         "Words of odd and of even syllable counts take turns.",
         scope="forbidden")  # fmt: skip
def odd_even_syllables(response: str) -> Finding:
    """Syllables as the package `syllapy` counts them (a word list, then rules).

    The spans of a violation are the neighbours that do not take turns.
    """
    syllapy = require("syllapy", extra="lmcommon")
    words = _lower_words(response)
    odd = [syllapy.count(word.text) % 2 for word in words]
    wrong = {
        words[at].span
        for left in range(len(words) - 1)
        if odd[left] == odd[left + 1]
        for at in (left, left + 1)
    }
    return _unless(sorted(wrong))


@checker(
    "words:palindrome",
    "There are at least ten palindromes of one word, each of five letters or more.",
)
def palindrome(response: str) -> Finding:
    """The same one may count again. The spans are the palindromes."""
    spans = tuple(
        word.span
        for word in _lower_words(response)
        if len(word.text) >= _PALINDROME_LETTERS and word.text == word.text[::-1]
    )
    return Finding(len(spans) >= _PALINDROMES, spans)


@checker("words:prime_lengths", "The length of every word is a prime number.",
         scope="forbidden")  # fmt: skip
def prime_lengths(response: str) -> Finding:
    """Primes up to 97, as in IFBench."""
    return _unless(word.span for word in bare_words(response) if len(word.text) not in _PRIMES)


@checker("words:repeats", "No word occurs more than {small_n} times.", small_n=COUNT,
         scope="forbidden")  # fmt: skip
def repeats(response: str, *, small_n: int) -> Finding:
    """Case does not matter. The spans are all places of the words that occur too often."""
    words = _lower_words(response)
    number = Counter(word.text for word in words)
    wrong = tuple(word.span for word in words if number[word.text] > small_n)
    return Finding(not wrong, wrong)


@checker(
    "words:vowel",
    "The response is one paragraph, and at most three different vowels are used.",
    scope="forbidden",
)
def vowel(response: str) -> Finding:
    """A, E, I, O, U. The spans of a violation are the line breaks, or else all the vowels."""
    start, end = len(response) - len(response.lstrip()), len(response.rstrip())
    breaks = tuple((at, at + 1) for at in range(start, end) if response[at] == "\n")
    if breaks:
        return Finding(False, breaks)
    spans = tuple((at, at + 1) for at in range(start, end) if response[at].lower() in _VOWELS)
    is_few = len({response[at].lower() for at, _ in spans}) <= _VOWEL_KINDS
    return Finding(is_few, None if is_few else spans)


CHECKERS = (
    alphabet, consonants, no_consecutive, odd_even_syllables, palindrome, prime_lengths, repeats,
    vowel,
)  # fmt: skip
