"""Forms of the arguments that only MulDimIF's checks have."""

from __future__ import annotations

from lmcommon.verify.fields import Field, choice
from lmcommon.verify.muldimif.quantities import Bounds

__all__ = ["BOUNDS", "FLAG", "LEVELS", "NAMES", "PHRASE", "PLACE", "say_bounds"]


def _bounds(value: object) -> Bounds:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(value)
    low, high = value
    for side in value:
        if side is not None and (isinstance(side, bool) or not isinstance(side, int) or side < 0):
            raise ValueError(value)
    if low is not None and high is not None and low > high:
        raise ValueError(value)
    return (low, high)


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(value)
    if not all(isinstance(name, str) and name.strip() for name in value):
        raise ValueError(value)
    return tuple(value)


def _levels(value: object) -> tuple[int, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(value)
    if not all(type(level) is int and 1 <= level <= 6 for level in value):
        raise ValueError(value)
    return tuple(value)


def _phrase(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(value)
    return value


BOUNDS = Field("a pair [least, most] of integers >= 0, null where open", _bounds)
NAMES = Field("a list of non-empty texts, perhaps empty", _names)
LEVELS = Field("a list of heading levels from 1 to 6, perhaps empty", _levels)
PHRASE = Field("a text, perhaps empty", _phrase)
FLAG = Field("true or false", _flag)
PLACE = choice("response", "sentence", "paragraph", "item", "cell", "head", "heading", "keys")


def say_bounds(bounds: Bounds, unit: str) -> str:
    """Bounds in words. Example: `say_bounds((None, 3), "rows")` is "at most 3 rows"."""
    least, most = bounds
    if least == most and least is not None:
        return f"exactly {least} {unit}"
    if least is not None and most is not None:
        return f"{least} to {most} {unit}"
    if least is not None:
        return f"at least {least} {unit}"
    return f"any number of {unit}" if most is None else f"at most {most} {unit}"
