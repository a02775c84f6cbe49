"""Small changes of a response, smallest first: what a search for a minimal edit tries.

In: a response, a criterion that it meets, and the check's verdict. Out: changed responses with
their cost, the number of characters taken out and put in. They are made without knowing the kind:
places that decide are taken out or spoilt, words that the criterion names are put in, marks and
capitals are changed, items dropped, endings cut, sentences added. Which of them breaks the
criterion, and nothing else, the checker has to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, NamedTuple

from lmcommon.judge.types import Criterion, Verdict
from lmcommon.verify.sentences import split_sentences
from rtt.labelling.prose import Prose
from rtt.types import Span

__all__ = ["Edited", "edited"]

_MARKS = (",", ".", "!", "?", ";", ":", '"', "*", " ", "\n", "\n\n", "#", "1", "\n- ", "\n***\n")
_SPANS, _PLACES, _LINES = 8, 4, 12
_GROWING = (1, 2, 3, 5, 8, 13, 21, 34, 55)


class Edited(NamedTuple):
    """A changed response. Example: `Edited("a b", 1)` of "a, b"."""

    text: str
    cost: int
    """Characters taken out and put in."""


def edited(response: str, criterion: Criterion, verdict: Verdict, random: Random) -> list[Edited]:
    """Changed responses, the cheapest first, no two alike."""
    best: dict[str, int] = {}
    for one in _all(response, criterion, verdict, random):
        if one.text != response and one.text.strip():
            best[one.text] = min(one.cost, best.get(one.text, one.cost))
    return sorted(map(Edited._make, best.items()), key=lambda one: one.cost)


def _all(response: str, criterion: Criterion, verdict: Verdict, random: Random) -> Iterator[Edited]:
    spans = [span for span in verdict.spans or () if span[0] < span[1]]
    yield from _without(response, spans, random)
    yield from _with_words(response, list(_texts(criterion.kwargs)), random)
    yield from _with_marks(response, random)
    yield from _in_other_case(response, random)
    yield from _shorter(response, random)
    yield from _longer(response, random)
    yield from _in_other_language(response, random)


def _change(text: str, changes: list[tuple[Span, str]]) -> Edited:
    """The text with every span replaced, from the back."""
    cost = 0
    for (start, end), new in sorted(changes, reverse=True):
        text = text[:start] + new + text[end:]
        cost += end - start + len(new)
    return Edited(text, cost)


def _without(text: str, spans: list[Span], random: Random) -> Iterator[Edited]:
    """Places that decide, taken out, without their first sign, or with another first sign."""
    chosen = random.sample(spans, min(len(spans), _SPANS))
    alike = {text[start:end].casefold() for start, end in chosen}
    same = [[one for one in spans if text[slice(*one)].casefold() == key] for key in sorted(alike)]
    for places in [*([one] for one in chosen), *same, spans]:
        if not places:
            continue
        yield _change(text, [(span, "") for span in places])
        yield _change(text, [((start, start + 1), "") for start, _ in places])
        yield _change(text, [((end - 1, end), "") for _, end in places])
        yield _change(text, [((start, start + 1), _other(text[start])) for start, _ in places])
        yield _change(text, [((end, end), "x") for _, end in places])


def _other(sign: str) -> str:
    """Another sign of the same sort."""
    if sign.isalpha():
        return "x" if sign not in "xX" else "y"
    return "0" if sign.isdigit() and sign != "0" else "~"


def _texts(value: Any) -> Iterator[str]:
    """Every text among the arguments of a criterion."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def _gaps(text: str, random: Random) -> list[int]:
    """The end of the text and a few places after words."""
    ends = [match.end() for match in re.finditer(r"\w(?=\s)", text)]
    return [len(text.rstrip()), *random.sample(ends, min(len(ends), _PLACES))]


def _with_words(text: str, words: list[str], random: Random) -> Iterator[Edited]:
    places = [match.span() for match in re.finditer(r"\w+", text)]
    for word in words:
        for at in _gaps(text, random):
            yield _change(text, [((at, at), f" {word}")])
        yield _change(text, [((0, 0), f"{word} ")])
        for span in random.sample(places, min(len(places), _SPANS)):
            yield _change(text, [(span, word)])
        for times in _GROWING[1:]:
            yield _change(text, [((len(text), len(text)), f" {word}" * times)])


def _with_marks(text: str, random: Random) -> Iterator[Edited]:
    for mark in _MARKS:
        for at in (0, *_gaps(text, random)):
            yield _change(text, [((at, at), mark)])
    for sign in sorted({*text} - {" "}):
        if not sign.isalnum():
            places = [at for at, char in enumerate(text) if char == sign]
            at = random.choice(places)
            yield _change(text, [((at, at + 1), "")])
            yield _change(text, [((at, at + 1), "!" if sign in ".?" else ".")])
            yield _change(text, [((place, place + 1), "") for place in places])


def _in_other_case(text: str, random: Random) -> Iterator[Edited]:
    words = [match.span() for match in re.finditer(r"[^\W\d_]+", text)]
    for start, end in random.sample(words, min(len(words), _SPANS)):
        piece = text[start:end]
        yield _change(text, [((start, start + 1), piece[0].swapcase())])
        yield _change(text, [((start, end), piece.upper())])


def _shorter(text: str, random: Random) -> Iterator[Edited]:
    """Signs, words, sentences or lines taken out, at the ends and in between."""
    words = [match.span() for match in re.finditer(r"\S+\s*", text)]
    lines = [match.span() for match in re.finditer(r"[^\n]*\n?", text) if match.group()]
    for units in (words, split_sentences(text), lines):
        if not units:
            continue
        for span in sorted({units[0], units[-1], *random.sample(units, min(len(units), _LINES))}):
            yield _change(text, [(span, "")])
        for number in _GROWING:
            if number < len(units):
                yield _change(text, [((units[-number][0], len(text)), "")])
                yield _change(text, [((0, units[number - 1][1]), "")])
    places = {0, len(text) - 1, *(random.randrange(len(text)) for _ in range(_PLACES))}
    for at in sorted(places):
        yield _change(text, [((at, at + 1), "")])


def _longer(text: str, random: Random) -> Iterator[Edited]:
    """Words, sentences, items or lines added."""
    end, prose = len(text), Prose.of(random)
    last = text.rstrip().rsplit("\n", 1)[-1]
    for at in sorted({end, *_gaps(text, random)}):
        yield _change(text, [((at, at), f" {prose.word()}")])
    for number in _GROWING:
        yield _change(text, [((end, end), " " + " ".join(prose.word() for _ in range(number)))])
        yield _change(text, [((end, end), " the of" * number)])
        if number <= _SPANS:
            yield _change(text, [((end, end), f"\n\n{prose.sentence()}" * number)])
            yield _change(text, [((end, end), f"\n\n# {prose.title()}" * number)])
            yield _change(text, [((end, end), " " + prose.paragraph(number))])
            yield _change(text, [((end, end), f"\n{last}" * number)])
    yield _change(text, [((0, 0), f"{prose.sentence()}\n\n")])
    yield _change(text, [((end, end), f"\n* {prose.phrase()}")])
    yield _change(text, [((end, end), f"\n1. {prose.phrase()}")])


def _in_other_language(text: str, random: Random) -> Iterator[Edited]:
    """The end, from some place on, in another language."""
    prose, size = Prose.of(random), len(text)
    for language in ("en", "de", "ru"):
        for share in (0.1, 0.25, 0.5, 0.75, 1.0):
            start, more = int(size * (1 - share)), ""
            while len(more) < size - start:
                more += prose.sentence() if language == "en" else prose.foreign(language, 7)
                more += " "
            yield _change(text, [((start, size), more.strip())])
