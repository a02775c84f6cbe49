"""Pieces of a text that IFBench's checks count: chunks, bare words, Treebank tokens.

A chunk is a run of characters other than white space. A bare word is a chunk less its ASCII
punctuation, inside too ("don't," is "dont"). A Treebank token follows the conventions of the Penn
Treebank (Marcus et al. 1993) as NLTK's tokenizer reads them: "don't," is "do", "n't", ",".
Every piece knows its place.
"""

from __future__ import annotations

import re
import string
from typing import NamedTuple

from lmcommon.verify.sentences import split_sentences
from lmcommon.verify.types import Span

__all__ = [
    "EDGES", "PUNCTUATION", "Piece", "bare_words", "chunks", "lowered", "sentences",
    "stripped", "tokens", "word_tokens",
]  # fmt: skip

PUNCTUATION = frozenset(string.punctuation)
EDGES = string.punctuation + " "
"""What is taken off the ends of a word."""

_CHUNK = re.compile(r"\S+")


class Piece(NamedTuple):
    """A part of a text. Example: `Piece("dont", (4, 9))` for the word of "I: (don't)"."""

    text: str
    """What it is compared by."""
    span: Span


def chunks(text: str, start: int = 0, end: int | None = None) -> list[Piece]:
    """The runs of characters other than white space in `text[start:end]`."""
    stop = len(text) if end is None else end
    return [Piece(match.group(), match.span()) for match in _CHUNK.finditer(text, start, stop)]


def stripped(piece: Piece, edges: str | None = EDGES) -> Piece:
    """The piece without the characters of `edges` (None: white space) at its ends; or empty."""
    start = piece.span[0] + len(piece.text) - len(piece.text.lstrip(edges))
    text = piece.text.strip(edges)
    return Piece(text, (start, start + len(text)))


def bare_words(text: str, start: int = 0, end: int | None = None) -> list[Piece]:
    """The words of `text[start:end]` without their punctuation; the span is the outer one."""
    words = []
    for chunk in chunks(text, start, end):
        kept = [at for at, char in enumerate(chunk.text) if char not in PUNCTUATION]
        if kept:
            bare = "".join(chunk.text[at] for at in kept)
            words.append(Piece(bare, (chunk.span[0] + kept[0], chunk.span[0] + kept[-1] + 1)))
    return words


def lowered(text: str) -> str:
    """`text` in lower case, every character in its place (one that would grow stays as it is)."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


def sentences(text: str) -> list[Piece]:
    """The sentences of `text`."""
    return [Piece(text[start:end], (start, end)) for start, end in split_sentences(text)]


def word_tokens(text: str, start: int = 0, end: int | None = None) -> list[Piece]:
    """The Treebank tokens of `text[start:end]` that have a letter or a digit."""
    return [one for one in tokens(text, start, end) if any(map(str.isalnum, one.text))]


_APART = re.compile(r"[«“‘„»”’;@#$%&?!*\[\](){}<>\u2012-\u2015\"]|``|`|''|\.{2,}|--")
"""What is always a token of its own."""
_PAUSE = re.compile(r"[:,](?:\D|$)")  # of two in a row only the first, as in NLTK
_FINAL_STOP = re.compile(r"(?<=[^.])\.(?=[\])}>\"'»”’ ]*+\s*$)")
_OPENING = re.compile(r"^\"|(?<=[ (\[{<«“‘„`])(?:\"|'')")
_LONE_MARK = re.compile(r"(?i)(?<!\w)'(?!(?:re|ve|ll|m|t|s|d|n)\b)(?=\w)")
_CLITICS = tuple(map(re.compile, ("'", "'[sSmMdD]", "'(?:ll|LL|re|RE|ve|VE)|n't|N'T")))
_JOINED = re.compile(
    r"(?i)\b(?:can(?=not\b)|d(?='ye\b)|gim(?=me\b)|gon(?=na\b)|got(?=ta\b)|lem(?=me\b)"
    r"|more(?='n\b)|wan(?=na(?:\W|$)))"
)


def tokens(text: str, start: int = 0, end: int | None = None) -> list[Piece]:
    """The Treebank tokens of `text[start:end]`, sentence by sentence.

    A double quotation mark reads as two back ticks where it opens and as two apostrophes where it
    closes.
    """
    part = text[start:end]
    return [
        Piece(word, (start + left + one[0], start + left + one[1]))
        for left, right in split_sentences(part)
        for word, one in _cut(part[left:right])
    ]


def _cut(sentence: str) -> list[Piece]:
    opening = {match.start() for match in _OPENING.finditer(sentence)}
    cuts = _places(sentence, opening)
    pieces = []
    for chunk in _CHUNK.finditer(sentence):
        inner = [at for at in range(chunk.start() + 1, chunk.end()) if at in cuts]
        for left, right in zip([chunk.start(), *inner], [*inner, chunk.end()], strict=True):
            word = sentence[left:right]
            if word in ('"', "''"):
                word = "``" if left in opening else "''"
            pieces.append(Piece(word, (left, right)))
    return pieces


def _places(sentence: str, opening: set[int]) -> set[int]:
    """Where to cut, besides at white space."""
    cuts: set[int] = set()
    for match in _APART.finditer(sentence):
        cuts.update(match.span())
    for match in _PAUSE.finditer(sentence):
        cuts.update((match.start(), match.start() + 1))
    stop = _FINAL_STOP.search(sentence)
    if stop and not any(at > stop.start() for at in opening):
        cuts.update(stop.span())
    cuts.update(match.end() for match in _LONE_MARK.finditer(sentence))
    for pattern in _CLITICS:
        cuts.update(_clitics(sentence, pattern, cuts))
    for match in _JOINED.finditer(sentence):
        cuts.update(match.span())
    return cuts


def _clitics(sentence: str, pattern: re.Pattern[str], cuts: set[int]) -> set[int]:
    """Starts of the endings ("'s", "n't") that hang on a word and end it."""

    def is_free(at: int) -> bool:
        around = sentence[max(at - 1, 0) : at + 1]
        return at in cuts or at in (0, len(sentence)) or any(map(str.isspace, around))

    return {
        match.start()
        for match in pattern.finditer(sentence)
        if sentence[match.start() - 1] != "'" and not is_free(match.start())
        and is_free(match.end())
    }  # fmt: skip
