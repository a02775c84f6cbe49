"""The protocol behind which every text embedder stands.

In: texts. Out: a float32 matrix [N, D] of unit rows, so that a dot product is the cosine. An
embedder that cannot answer raises: a missing vector is not an item to score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

__all__ = ["Embedder", "Vectors", "unit_rows"]

Vectors = npt.NDArray[np.float32]


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors."""

    @property
    def name(self) -> str:
        """A short name for tables and traces."""
        ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """JSON-able facts that decide the vectors. Never holds a secret."""
        ...

    @property
    def dim(self) -> int:
        """Length of a vector, `D`."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed texts, in order.

        Returns:
            float32 [N, D], every row of length 1; [0, D] for no texts.

        Raises:
            UserError: The embedder cannot be used (no such model, endpoint down, key missing).
        """
        ...

    def close(self) -> None:
        """Free what is held. Idempotent."""
        ...


def unit_rows(vectors_ND: npt.ArrayLike) -> Vectors:
    """Scale rows to length 1; a zero row stays zero."""
    array_ND = np.asarray(vectors_ND, dtype=np.float32)
    norm_N1 = np.linalg.norm(array_ND, axis=-1, keepdims=True)
    scaled_ND = array_ND / np.where(norm_N1 > 0, norm_N1, 1)
    return scaled_ND.astype(np.float32, copy=False)
