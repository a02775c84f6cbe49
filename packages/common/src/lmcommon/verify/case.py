"""Upper and lower case (IFEval's `change_case` group).

For a rule on the whole response the spans are the letters that break it; when it holds the whole
response decides, so they are None.
"""

from __future__ import annotations

import re

from lmcommon.verify.fields import COUNT, RELATION
from lmcommon.verify.language import is_language
from lmcommon.verify.relation import holds
from lmcommon.verify.types import Finding, checker

__all__ = ["CHECKERS"]

_OUTSIDE = "()[]{}<>\"“”‘’'`,;:?!.…*_"
_CHUNK = re.compile(r"\S+")
_CONTRACTION = re.compile(r"(?i)(?<=\w)(?:n't|'(?:s|m|d|ll|re|ve))$")
_JOINT = re.compile(r"--+|[.][.]+|[,:](?!\d)|[()\[\]{}<>;?!@#$%&\"“”‘’—…]")


@checker("change_case:capital_word_frequency",
         "Words in all capital letters occur {capital_relation} {capital_frequency} times.",
         capital_frequency=COUNT, capital_relation=RELATION, scope="global")  # fmt: skip
def capital_word_frequency(
    response: str, *, capital_frequency: int, capital_relation: str
) -> Finding:
    """The spans are the words in capitals ("I" and "A" too), as a Treebank tokenizer cuts them."""
    spans = []
    for chunk in _CHUNK.finditer(response):
        for start, end in _pieces(chunk.group(), chunk.start()):
            if response[start:end].isupper():
                spans.append((start, end))
    return Finding(holds(len(spans), capital_relation, capital_frequency), tuple(spans))


def _pieces(chunk: str, offset: int) -> list[tuple[int, int]]:
    """Cut a run of non-space characters into words; contractions become two."""
    pieces, at = [], 0
    cuts = [match.span() for match in _JOINT.finditer(chunk)]
    for start, end in [*cuts, (len(chunk), len(chunk))]:
        word = chunk[at:start]
        left = len(word) - len(word.lstrip(_OUTSIDE))
        word = word.strip(_OUTSIDE)
        at, begin = end, offset + at + left
        if not word:
            continue
        tail = _CONTRACTION.search(word)
        middle = begin + (tail.start() if tail else len(word))
        pieces.append((begin, middle))
        if tail:
            pieces.append((middle, begin + len(word)))
    return pieces


@checker(
    "change_case:english_capital",
    "The response is in English, in capital letters only.",
    scope="global",
)
def english_capital(response: str) -> Finding:
    """Every cased letter is a capital, there is one, and the language is English."""
    wrong = tuple((i, i + 1) for i, char in enumerate(response) if char.islower())
    if wrong:
        return Finding(False, wrong)
    return Finding(response.isupper() and is_language(response, "en"))


@checker(
    "change_case:english_lowercase",
    "The response is in English, in lower case only.",
    scope="global",
)
def english_lowercase(response: str) -> Finding:
    """No letter is a capital, there is a cased letter, and the language is English."""
    wrong = tuple((i, i + 1) for i, char in enumerate(response) if char.isupper())
    if wrong:
        return Finding(False, wrong)
    return Finding(response.islower() and is_language(response, "en"))


CHECKERS = (capital_word_frequency, english_capital, english_lowercase)
