"""Other words that say the same: of statements and of short answers."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

from memtrace.faultbench.kinds.point import Bend
from memtrace.faultbench.shapes import edited
from memtrace.faultbench.targets import Target, written_dates

__all__ = ["answers_alike", "lines_alike"]

_OPENINGS = ("Well, as it happens: ", "For what it is worth: ", "So, this is how things are. ")
_ENDINGS = (" That is how it is.", " So much for that.", " Just so that you know.")
_SPEAKER = re.compile(r"^(\[[^\]]*\] )?([A-Z]\w+: )?")
_DAYS = re.compile(r"(\d+) (days?)")
_FRAMES = ("It is {}.", "That would be {}.", "The answer is {}.")
_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen", "twenty",
)  # fmt: skip


def lines_alike(target: Target, rng: random.Random) -> Bend:
    """Statements that tell the fact, with an opening or an ending that adds nothing."""
    opening, ending = rng.choice(_OPENINGS), rng.choice(_ENDINGS)
    opens = rng.random() < 0.5

    def change(line: str) -> str:
        if line not in target:
            return line
        if opens:
            return _SPEAKER.sub(lambda found: found.group() + opening, line, count=1)
        return line + ending

    def bend(value: Any) -> Any:
        return edited(value, change)

    return bend


def answers_alike(gold: str, rng: random.Random) -> Iterator[str]:
    """Ways to give an answer other than its own words, in a random order.

    Example:
        >>> sorted(answers_alike("3 March 2024", random.Random(0)))[0]
        '2024-03-03'
    """
    found = []
    if gold.lower() in ("yes", "no"):
        found = [f"{gold.capitalize()}, that is so.", f"{gold.capitalize()}, I think."]
    elif dates := written_dates(gold):
        day = dates[0]
        found = [day.isoformat(), f"{day:%B} {day.day}, {day.year}", f"On {gold}."]
    elif counted := _DAYS.fullmatch(gold):
        number = int(counted[1])
        words = _SMALL[number] if number < len(_SMALL) else str(number)
        found = [f"{words} {counted[2]}", f"It took {gold}.", f"{gold} in all"]
    else:
        found = [frame.format(gold) for frame in _FRAMES]
    rng.shuffle(found)
    yield from (one for one in found if one != gold)
