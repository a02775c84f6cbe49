"""Kept vectors: made once, the same every time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lmcommon.embed import CachedEmbedder, Embedder, Vectors
from lmcommon.errors import UserError
from lmcommon.testing.hash_embedder import HashEmbedder


class Noisy(HashEmbedder):
    """Its last digits depend on the batch, as a real model's do."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        return super().embed(texts) + np.float32(1e-6 * len(texts))


def test_it_is_an_embedder_with_the_identity_of_what_it_keeps() -> None:
    kept = CachedEmbedder(HashEmbedder())
    assert isinstance(kept, Embedder)
    assert (kept.name, kept.dim) == (HashEmbedder().name, HashEmbedder().dim)
    assert kept.identity == HashEmbedder().identity
    assert kept.embed([]).shape == (0, kept.dim)


def test_a_text_has_one_vector_whatever_it_is_embedded_with() -> None:
    kept = CachedEmbedder(Noisy())
    alone = kept.embed(["a b"])[0]
    assert np.array_equal(kept.embed(["c", "a b", "d"])[1], alone)
    assert kept.computed == 3


def test_a_text_twice_in_a_batch_is_embedded_once() -> None:
    kept = CachedEmbedder(HashEmbedder())
    first, second = kept.embed(["a", "a"])
    assert np.array_equal(first, second)
    assert kept.computed == 1


def test_the_file_is_shared(tmp_path: Path) -> None:
    path = tmp_path / "below" / "vectors.db"
    before = CachedEmbedder(Noisy(), path).embed(["a", "b"])
    again = CachedEmbedder(Noisy(), path)
    assert np.array_equal(again.embed(["b", "a"])[::-1], before)
    assert again.computed == 0


def test_another_embedder_finds_nothing_in_it(tmp_path: Path) -> None:
    path = tmp_path / "vectors.db"
    CachedEmbedder(HashEmbedder(32), path).embed(["a"])
    other = CachedEmbedder(HashEmbedder(16), path)
    assert other.embed(["a"]).shape == (1, 16)


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "vectors.db"
    path.write_text("this is no database, and long enough to be seen as none" * 20)
    with pytest.raises(UserError, match="embedder cache"):
        CachedEmbedder(HashEmbedder(), path).embed(["a"])
