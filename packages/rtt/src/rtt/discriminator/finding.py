"""Finding a word again: short rows of random words that a discriminator from scratch starts on.

Most criteria name words, so the one thing that everything else needs is to compare words of the
criterion with words of the response. In rows like those of real data a model made from scratch
takes thousands of steps to come upon it; where nothing else is to be learned, a few hundred.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from random import Random

from lmcommon.rng import random_for
from rtt.discriminator.examples import LabelledResponse
from rtt.types import Span

__all__ = ["KIND", "finding_rows"]

KIND = "finding"
"""What these rows are called among kinds; no constraint has this name."""

_WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")
_ASKED = (
    'The word "{}" occurs.', "Use {}.", "Do not use {}.", 'Say "{}" somewhere.', "{} is needed",
    "Leave {} out of it.", 'There has to be "{}" in the text, twice if you like.',
)  # fmt: skip
_SIGNS = (" ", " ", " ", " ", ", ", ". ", "\n")
_FEW, _MANY = (6, 20), (20, 70)
"""Words of a response."""
_ABSENT = 0.3
"""Share of rows in which the word does not occur."""


def finding_rows(texts: Iterable[str], number: int, *, seed: int) -> Iterator[LabelledResponse]:
    """Rows whose criterion names one or two words; they are relevant wherever they occur.

    Args:
        texts: Where the words come from.
        number: How many rows.
        seed: Decides everything.
    """
    words = sorted({word.lower() for text in texts for word in _WORD.findall(text)})
    random = random_for(seed, "finding")
    if words:
        yield from (_row(random, words) for _ in range(number))


def _row(random: Random, words: list[str]) -> LabelledResponse:
    wanted = [random.choice(words) for _ in range(random.choice((1, 1, 2)))]
    around = [random.choice(words) for _ in range(random.randint(0, 6))]
    cut = random.randint(0, len(around))
    named = random.choice((" and ", '", "', ", ")).join(_cased(random, word) for word in wanted)
    asked = random.choice(_ASKED).format(named)
    criterion = " ".join([*around[:cut], asked, *around[cut:]])
    # Among few words it is found soon; among many, what is looked at must be looked at sharply.
    size = random.randint(*random.choice((_FEW, _MANY)))
    drawn = [random.choice(words) for _ in range(size)]
    if random.random() >= _ABSENT:
        for word in wanted:
            drawn[random.randrange(len(drawn))] = word
    text, spans = "", list[Span]()
    for word in drawn:
        if word in wanted:
            spans.append((len(text), len(text) + len(word)))
        text += _cased(random, word) + random.choice(_SIGNS)
    return LabelledResponse(
        criterion=criterion, response=text.rstrip(), spans=tuple(spans), kind=KIND,
        satisfied=bool(spans), origin="generated",
    )  # fmt: skip


def _cased(random: Random, word: str) -> str:
    return random.choice((word, word, word, word.capitalize(), word.upper()))
