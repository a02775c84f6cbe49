"""The two comparisons of counted constraints."""

from __future__ import annotations

__all__ = ["holds"]


def holds(count: int, relation: str, bound: int) -> bool:
    """Whether `count` is "at least" (>=) or "less than" (strictly <) `bound`."""
    return count >= bound if relation == "at least" else count < bound
