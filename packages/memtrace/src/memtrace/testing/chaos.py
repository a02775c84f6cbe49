"""Random interventions: any point of a trace, changed in any of the ways there are.

For the property that a replay is what a run from scratch would have been, and for users who want
to know how easily their pipeline is thrown off.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from typing import Any

from memtrace.execution.interventions import Intervention, Oracle
from memtrace.replaying.resolving import Point

__all__ = ["random_intervention"]

_Change = Callable[[random.Random, Any], Any]
_TEXT_KEYS = ("text", "value", "content")


def random_intervention(points: Sequence[Point], seed: int) -> Intervention:
    """One intervention at one of these points; the same for the same seed.

    A list loses, gains, doubles or swaps items or has one reworded; a text loses, gains or swaps
    words or is emptied. What it does depends on the seed and on the value found there.
    """
    draw = random.Random(f"chaos {seed}")
    point = draw.choice(points)
    return Oracle(at=point.operation, role=point.role, function=_Chaos(seed))


class _Chaos:
    """The change of one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.__qualname__ = f"chaos {seed}"

    def __call__(self, value: Any) -> Any:
        draw = random.Random(f"change {self._seed}")
        if isinstance(value, list):
            return draw.choice(_OF_LISTS)(draw, copy.deepcopy(value))
        if isinstance(value, str):
            return draw.choice(_OF_TEXTS)(draw, value)
        return value


def _dropped(draw: random.Random, items: list[Any]) -> list[Any]:
    if items:
        del items[draw.randrange(len(items))]
    return items


def _doubled(draw: random.Random, items: list[Any]) -> list[Any]:
    if items:
        items.insert(draw.randrange(len(items) + 1), copy.deepcopy(draw.choice(items)))
    return items


def _shuffled(draw: random.Random, items: list[Any]) -> list[Any]:
    draw.shuffle(items)
    return items


def _reworded(draw: random.Random, items: list[Any]) -> list[Any]:
    if items:
        place = draw.randrange(len(items))
        items[place] = _with_other_words(draw, items[place])
    return items


def _with_other_words(draw: random.Random, item: Any) -> Any:
    if isinstance(item, str):
        return draw.choice(_OF_TEXTS)(draw, item) or "Nothing."
    if isinstance(item, list):
        return _reworded(draw, item)
    if isinstance(item, dict):
        for key in _TEXT_KEYS:
            if isinstance(item.get(key), str):
                return {**item, key: _with_other_words(draw, item[key])}
        for key, part in item.items():
            if isinstance(part, list):
                return {**item, key: _reworded(draw, part)}
    return item


def _cut(draw: random.Random, text: str) -> str:
    words = text.split(" ")
    return " ".join(words[: draw.randrange(len(words) + 1)])


def _lengthened(draw: random.Random, text: str) -> str:
    place, colour = draw.choice(("Oslo", "Lima", "Perth")), draw.choice(("red", "blue", "green"))
    return f"{text} By the way, the door in {place} is {colour}."


def _mixed(draw: random.Random, text: str) -> str:
    words = text.split(" ")
    draw.shuffle(words)
    return " ".join(words)


_OF_LISTS: Sequence[_Change] = (_dropped, _doubled, _shuffled, _reworded)
_OF_TEXTS: Sequence[_Change] = (_cut, _lengthened, _mixed, lambda _, __: "")
