"""Named seeds: one root seed, one independent stream per purpose.

A purpose is a path of words and numbers (`seed_for(7, "train", "step", 12)`), so adding a new
purpose never shifts the draws of the others. Built on SHA-256: stable over machines, processes
and Python versions (`hash()` is not).
"""

from __future__ import annotations

import hashlib
import random

__all__ = ["random_for", "seed_for"]


def seed_for(root: int, *purpose: str | int) -> int:
    """Derive a 63-bit seed from the root seed and a purpose."""
    text = "/".join([str(root), *(f"{type(p).__name__}:{p}" for p in purpose)])
    raw = text.encode("utf-8", "surrogatepass")  # a purpose may hold whatever a model replied
    return int.from_bytes(hashlib.sha256(raw).digest()[:8], "big") >> 1


def random_for(root: int, *purpose: str | int) -> random.Random:
    """A `random.Random` seeded by `seed_for`."""
    return random.Random(seed_for(root, *purpose))
