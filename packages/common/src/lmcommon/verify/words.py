"""Word-level constraints on whitespace-separated text: small, exact, with spans.

A word is a run of non-space characters; two words are equal when they are after removal of outer
punctuation and of case. Constraints on a place (`start`, `end`, `position`) point at the word in
that place whether it is right or wrong; a required word that is missing gives empty spans.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lmcommon.verify.fields import COUNT, POSITIVE, TEXT, TEXTS
from lmcommon.verify.types import Finding, Span, checker

__all__ = ["CHECKERS", "Word", "split_words"]

_WORD = re.compile(r"\S+")
_OUTER = re.compile(r"^\W+|(?<!\W)\W+$")  # the look-behind keeps long runs linear


@dataclass(frozen=True, slots=True)
class Word:
    """A word in its place. Example: `Word("tree", (4, 8))` for the "Tree," of "The Tree, ..."."""

    key: str
    """What it is compared by."""
    span: Span
    """Without the outer punctuation."""


def split_words(text: str) -> list[Word]:
    """The words of `text`, in order."""
    return [_word(match.group(), match.start()) for match in _WORD.finditer(text)]


def _word(chunk: str, offset: int) -> Word:
    bare = _OUTER.sub("", chunk) or chunk
    start = offset + chunk.index(bare)
    return Word(bare.casefold(), (start, start + len(bare)))


def _key(word: str) -> str:
    return _word(word.strip(), 0).key


def _spans_of(words: list[Word], keys: set[str]) -> tuple[Span, ...]:
    return tuple(word.span for word in words if word.key in keys)


@checker("words:start", 'The first word is "{word}".', word=TEXT)
def start(response: str, *, word: str) -> Finding:
    """The first word is `word`."""
    return _at(split_words(response), 0, {_key(word)})


@checker("words:end", 'The last word is "{word}".', word=TEXT)
def end(response: str, *, word: str) -> Finding:
    """The last word is `word`."""
    return _at(split_words(response), -1, {_key(word)})


@checker("words:position", "Word number {position} is one of: {words}.",
         position=POSITIVE, words=TEXTS)  # fmt: skip
def position(response: str, *, position: int, words: tuple[str, ...]) -> Finding:
    """The word at `position` (from 1) is one of `words`."""
    return _at(split_words(response), position - 1, {_key(word) for word in words})


def _at(words: list[Word], index: int, allowed: set[str]) -> Finding:
    if not -len(words) <= index < len(words):
        return Finding(False, ())
    return Finding(words[index].key in allowed, (words[index].span,))


@checker("words:include", 'The word "{word}" occurs.', word=TEXT)
def include(response: str, *, word: str) -> Finding:
    """`word` occurs at least once."""
    spans = _spans_of(split_words(response), {_key(word)})
    return Finding(bool(spans), spans)


@checker("words:exclude", "None of these words occurs: {words}.", words=TEXTS, scope="forbidden")
def exclude(response: str, *, words: tuple[str, ...]) -> Finding:
    """None of `words` occurs; the spans are the occurrences."""
    spans = _spans_of(split_words(response), {_key(word) for word in words})
    return Finding(not spans, spans)


@checker(
    "words:count",
    'The word "{word}" occurs exactly {count} times.',
    word=TEXT,
    count=COUNT,
    scope="global",
)
def count(response: str, *, word: str, count: int) -> Finding:
    """`word` occurs exactly `count` times; the spans are all occurrences."""
    spans = _spans_of(split_words(response), {_key(word)})
    return Finding(len(spans) == count, spans)


@checker("words:length", "The response has exactly {count} words.", count=POSITIVE, scope="global")
def length(response: str, *, count: int) -> Finding:
    """The response has exactly `count` words: the whole response decides."""
    return Finding(len(split_words(response)) == count)


CHECKERS = (start, end, position, include, exclude, count, length)
