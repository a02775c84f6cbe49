"""Understanding a prompt: from its sentences to what they ask, as an attentive reader takes them.

In: the text of the instructions (no data). Out: a `Brief`. Of two sentences that contradict each
other the later counts; of a long list the sentences beyond `ATTENTION` are overlooked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from memtrace.faultbench.prompting.phrases import PHRASES
from memtrace.faultbench.prompting.types import Brief, Job, Sentence
from memtrace.faultbench.prompting.vocabulary import (
    COVERS,
    DENYING,
    HEDGES,
    KEEPING,
    LEAVING,
    NUMBERS,
    THINGS,
    TURNING,
)

__all__ = ["ATTENTION", "brief_of", "sentences_of", "settled"]

ATTENTION = 12
"""Sentences of a prompt that a model heeds; worked examples help it through longer ones."""

_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_EXCEPT = re.compile(r"\b(?:except|apart from|but not|save for|other than|but leave out)\b", re.I)
_WORKED = re.compile(r"(?:^|\n)\W*(?:example|input|output|user|good|bad)\b[^\n]{0,40}:", re.I)
_EXAMPLES = 3
_HEARD: dict[Job, frozenset[str]] = {
    "notes": frozenset(THINGS),
    "update": frozenset({"corrections", "endings"}),
    "qa": frozenset({"dates", "codes", "corrections"}),
    "rewrite": frozenset({"names"}),
    "rerank": frozenset(),
}
"""Things that a job hears of."""


@lru_cache(maxsize=512)
def brief_of(instructions: str, job: Job) -> Brief:
    """What a prompt asks.

    Args:
        instructions: The prompt without the data in it.
        job: What the prompt is for.
    """
    is_worked = len(_WORKED.findall(instructions)) >= _EXAMPLES
    asked: dict[str, str] = {}
    sentences = sentences_of(instructions, job)
    for sentence in sentences if is_worked else sentences[:ATTENTION]:
        asked |= sentence.settles
    return Brief(job=job, asked=asked, is_worked=is_worked)


def sentences_of(instructions: str, job: Job) -> tuple[Sentence, ...]:
    """The sentences of a prompt, each with what it settles."""
    pieces = (_BULLET.sub("", piece).strip() for piece in _SENTENCE.split(instructions))
    return tuple(Sentence(piece, settled(piece, job)) for piece in pieces if piece)


@lru_cache(maxsize=8192)
def settled(sentence: str, job: Job) -> tuple[tuple[str, str], ...]:
    """Topics that a sentence settles, each with the way; none if it only wishes."""
    if HEDGES.search(sentence):
        return ()
    found: dict[str, str] = dict(_things(sentence, job))
    for topic, way, pattern in PHRASES[job]:
        if topic not in found and (match := pattern.search(sentence)):
            if DENYING.search(sentence[: match.start()]):
                continue
            if way == "#":
                count = match["count"].lower()
                number = NUMBERS.get(count) or (int(count) if count.isdigit() else 0)
                found |= {topic: str(number)} if number else {}
            else:
                found[topic] = way
    return tuple(found.items())


def _things(sentence: str, job: Job) -> Iterator[tuple[str, str]]:
    """What is to be kept or left out: a thing belongs to the last verb before it."""
    verbs = sorted([*_verbs(sentence, KEEPING, "keep"), *_verbs(sentence, LEAVING, "drop")])
    found: list[tuple[int, str, str]] = []
    for thing in _HEARD[job]:
        for match in THINGS[thing].finditer(sentence) if verbs else ():
            way = _verb_of(match.start(), verbs)
            if _EXCEPT.search(sentence[: match.start()]):
                way = "drop" if way == "keep" else "keep"
            found.append((match.start(), thing, way))
    for _, thing, way in sorted(found):
        covered = COVERS.get(thing, (thing,)) if job == "notes" else (thing,)
        yield from ((one, way) for one in covered)


def _verbs(sentence: str, pattern: re.Pattern[str], way: str) -> Iterator[tuple[int, str]]:
    for match in pattern.finditer(sentence):
        is_turned = TURNING.search(sentence[: match.start()]) is not None
        other = "drop" if way == "keep" else "keep"
        yield match.start(), other if is_turned else way


def _verb_of(place: int, verbs: Sequence[tuple[int, str]]) -> str:
    before = [way for start, way in verbs if start <= place]
    return before[-1] if before else verbs[0][1]
