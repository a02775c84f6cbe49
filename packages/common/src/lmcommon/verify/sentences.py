"""Cutting prose into sentences without a trained model.

A run of `.`, `?`, `!` ends a sentence when white space or a bracket, quote or asterisk follows,
unless its full stop belongs to an abbreviation, an initial or a number within the sentence. The
rules follow the decisions of the Punkt algorithm (Kiss and Strunk 2006,
doi:10.1162/coli.2006.32.4.485) for English, which IFEval counts with; its learned tables are
replaced by two short lists. As there, line breaks end nothing and the "1." of a list item is a
sentence of its own.
"""

from __future__ import annotations

import re

from lmcommon.verify.types import Span

__all__ = ["count_sentences", "split_sentences"]

_MARKS = re.compile(r"(?<![.!?])[.!?]++(?=\s|[)\";}\]*:@'({\[“”‘’«»])")
_CLOSERS = re.compile(r"[\"')\]}“”‘’«»]+(?=\s|$)")
_WORD_BEFORE = re.compile(r"[^\s()\"'{}\[\]*“”‘’«»;:@]*$")
_NEXT_WORD = re.compile(r"\s*([\w']*)")
_ABBREVIATIONS = frozenset({
    "a.d", "a.m", "adm", "ave", "b.c", "bros", "capt", "co", "col", "corp", "d.c", "dec", "dr",
    "e.g", "etc", "feb", "ft", "gen", "gov", "i.e", "inc", "jan", "jr", "lt", "ltd", "maj", "mr",
    "mrs", "ms", "mt", "nov", "oct", "p.m", "ph.d", "prof", "rep", "rev", "sen", "sep",
    "sept", "sgt", "sr", "st", "u.k", "u.n", "u.s", "u.s.a", "vs",
})  # fmt: skip
_TITLES = frozenset({"adm", "capt", "col", "dr", "gen", "gov", "lt", "maj", "mr", "mrs", "ms",
                     "mt", "prof", "rep", "rev", "sen", "sgt", "st", "vs"})  # fmt: skip
_STARTERS = frozenset({
    "although", "and", "at", "but", "he", "her", "his", "however", "i", "if", "in", "it", "its",
    "my", "on", "she", "since", "so", "some", "that", "the", "there", "these", "they", "this",
    "though", "we", "what", "when", "while", "with", "you", "your",
})  # fmt: skip


def split_sentences(text: str) -> list[Span]:
    """The sentences of `text` as spans, without the white space around them."""
    spans, start = [], 0
    for match in _MARKS.finditer(text):
        if match.start() < start or not _ends_sentence(text, match):
            continue
        closers = _CLOSERS.match(text, match.end())
        end = closers.end() if closers else match.end()
        spans.append((start, end))
        start = end
    spans.append((start, len(text)))
    return [span for span in (_trimmed(text, *span) for span in spans) if span[0] < span[1]]


def count_sentences(text: str) -> int:
    """How many sentences `text` has; text without an end mark counts as one, none as 0."""
    return len(split_sentences(text))


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    mark = match.group()
    if mark[-1] != ".":
        return True
    found = _NEXT_WORD.match(text, match.end())
    following = found.group(1) if found else ""
    if len(mark) > 1:
        return following[:1].isupper()
    before = _WORD_BEFORE.search(text, max(0, match.start() - 40), match.start())
    word = before.group().lower().rpartition("-")[2] if before else ""
    starts = following[:1].isupper() and following.lower() in _STARTERS
    if word in _ABBREVIATIONS:
        return starts and word not in _TITLES
    if len(word) == 1 and word.isalpha():
        return starts or not following[:1].isalpha()
    if word.isdecimal():
        return not following[:1].islower()
    return True


def _trimmed(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
