"""A fake embedder: words hashed into buckets. Deterministic, instant, and blind to meaning."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lmcommon.embed.base import Vectors, unit_rows

__all__ = ["HashEmbedder"]


class HashEmbedder:
    """Texts that share words are near each other; nothing else is.

    Args:
        dim: Length of a vector.
    """

    def __init__(self, dim: int = 64) -> None:
        self._dim = dim

    @property
    def name(self) -> str:
        """`hash-<dim>`."""
        return f"hash-{self._dim}"

    @property
    def identity(self) -> Mapping[str, Any]:
        """Kind and dimension."""
        return {"kind": "hash", "dim": self._dim}

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, [N, D]; a text without words gets the first axis."""
        vectors_ND = np.zeros((len(texts), self._dim), dtype=np.float32)
        for row, text in zip(vectors_ND, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                digest = hashlib.sha256(word.encode()).digest()
                row[int.from_bytes(digest[:4], "big") % self._dim] += 1.0 if digest[4] & 1 else -1.0
            if not row.any():
                row[0] = 1.0
        return unit_rows(vectors_ND)

    def close(self) -> None:
        """Nothing is held."""
