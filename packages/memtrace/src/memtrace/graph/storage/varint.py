"""Small whole numbers in few bytes: seven bits a byte, the low ones first.

In: numbers from 0. Out: bytes, and back. `signed` folds a difference of either sign into such a
number: 0, -1, 1, -2 become 0, 1, 2, 3.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["from_varints", "signed", "to_varints", "unsigned"]


def to_varints(numbers: Iterable[int]) -> bytes:
    """The numbers, one after the other."""
    out = bytearray()
    for number in numbers:
        rest = number
        while rest > 0x7F:
            out.append(rest & 0x7F | 0x80)
            rest >>= 7
        out.append(rest)
    return bytes(out)


def from_varints(data: bytes) -> list[int]:
    """The numbers that `to_varints` was given.

    Raises:
        ValueError: If the last number is cut off.
    """
    found, number, shift = [], 0, 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            found.append(number)
            number = shift = 0
    if shift:
        raise ValueError(f"expected whole varints; {data[-8:].hex()} ends within one")
    return found


def unsigned(difference: int) -> int:
    """A number from 0 for a difference of either sign."""
    return difference * 2 if difference >= 0 else -difference * 2 - 1


def signed(number: int) -> int:
    """The difference that `unsigned` was given."""
    return -(number + 1) // 2 if number & 1 else number // 2
