"""Forms of the arguments of a check: what is accepted, and what it becomes.

`parse` takes a JSON value and returns the value the check works with, or raises `ValueError`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["COUNT", "LETTER", "POSITIVE", "RELATION", "TEXT", "TEXTS", "Field", "choice"]


@dataclass(frozen=True, slots=True)
class Field:
    """One argument's form. Example: `Field("an integer >= 0", parse_count)`."""

    expected: str
    parse: Callable[[Any], Any]


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(value)
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(value)
    return tuple(_text(item) for item in value)


def _letter(value: object) -> str:
    text = _text(value).strip()
    if len(text) != 1:
        raise ValueError(value)
    return text


def _integer(minimum: int) -> Callable[[Any], int]:
    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise ValueError(value)
        if value < minimum:
            raise ValueError(value)
        return int(value)

    return parse


def choice(*options: str) -> Field:
    """One of the given words."""

    def parse(value: object) -> str:
        if value not in options:
            raise ValueError(value)
        return str(value)

    return Field(f"one of {list(options)}", parse)


TEXT = Field("a non-empty text", _text)
TEXTS = Field("a non-empty list of non-empty texts", _texts)
LETTER = Field("a single character", _letter)
COUNT = Field("an integer >= 0", _integer(0))
POSITIVE = Field("an integer >= 1", _integer(1))
RELATION = choice("at least", "less than")
