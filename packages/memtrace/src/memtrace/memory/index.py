"""Indexes over texts: exact cosine over embeddings, BM25, and the fusion of rankings.

An index takes texts in order and answers with `(position, score)` pairs, best first. Ties fall to
the older text, so that a search is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lmcommon.embed import Embedder

__all__ = ["Bm25Index", "DenseIndex", "Index", "Ranking", "fuse"]

Ranking = list[tuple[int, float]]


class Index(Protocol):
    """Finds texts."""

    @property
    def name(self) -> str:
        """Short name, such as `bm25`."""
        ...

    @property
    def identity(self) -> dict[str, Any]:
        """JSON-able facts that decide the ranking."""
        ...

    def add(self, texts: Sequence[str]) -> None:
        """Append texts; their positions go on from the last one."""
        ...

    def search(self, query: str, top_k: int) -> Ranking:
        """The `top_k` best positions with their scores, best first; fewer if there are fewer."""
        ...

    def snapshot(self) -> object:
        """The state, to come back to. Cheap: states share what they have in common."""
        ...

    def restore(self, state: Any) -> None:
        """Go back to a state that `snapshot` returned."""
        ...


class DenseIndex:
    """Exact cosine similarity over an `Embedder`'s unit vectors."""

    name = "dense"

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors_ND: NDArray[np.float32] = np.zeros((0, embedder.dim), np.float32)

    @property
    def identity(self) -> dict[str, Any]:
        """The embedder's identity."""
        return {"embedder": dict(self._embedder.identity)}

    def add(self, texts: Sequence[str]) -> None:
        """Embed and append."""
        if texts:
            fresh_ND = self._embedder.embed(list(texts))
            self._vectors_ND = np.concatenate([self._vectors_ND, fresh_ND])

    def search(self, query: str, top_k: int) -> Ranking:
        """Rank by cosine."""
        if not len(self._vectors_ND):
            return []
        query_D = self._embedder.embed([query])[0]
        return _best(self._vectors_ND @ query_D, top_k)

    def snapshot(self) -> object:
        """The vectors; never changed in place."""
        return self._vectors_ND

    def restore(self, state: Any) -> None:
        """Take older vectors."""
        self._vectors_ND = state


class Bm25Index:
    """BM25 (Lucene's variant) through the `bm25s` library; rebuilt when texts were added."""

    name = "bm25"

    def __init__(self, *, k1: float = 1.5, b: float = 0.75) -> None:
        self._k1, self._b = k1, b
        self._texts: tuple[str, ...] = ()
        self._built: Any = None

    @property
    def identity(self) -> dict[str, Any]:
        """The parameters of the formula."""
        return {"method": "lucene", "k1": self._k1, "b": self._b, "stopwords": "en"}

    def add(self, texts: Sequence[str]) -> None:
        """Append; the next search rebuilds."""
        if texts:
            self._texts += tuple(texts)
            self._built = None

    def search(self, query: str, top_k: int) -> Ranking:
        """Rank by BM25. Texts without any word of the query score 0 and come last."""
        if not self._texts:
            return []
        if self._built is None:
            self._built = self._build()
        known = [word for word in _tokenize([query])[0] if word in self._built.vocab_dict]
        if not known:
            return _best(np.zeros(len(self._texts), np.float32), top_k)
        return _best(self._built.get_scores(known), top_k)

    def _build(self) -> Any:
        import bm25s

        built = bm25s.BM25(method="lucene", k1=self._k1, b=self._b)
        tokens = _tokenize(self._texts)
        if any(tokens):
            built.index(tokens, show_progress=False)
        else:  # nothing to divide by: the library cannot index texts without words
            built.vocab_dict = {}
        return built

    def snapshot(self) -> object:
        """The texts and what was built of them."""
        return self._texts, self._built

    def restore(self, state: Any) -> None:
        """Take older texts."""
        self._texts, self._built = state


def fuse(rankings: Sequence[Ranking], top_k: int, *, constant: int = 60) -> Ranking:
    """Reciprocal rank fusion: a text scores the sum of `1 / (constant + rank)`, ranks from 1."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, (position, _) in enumerate(ranking, 1):
            scores[position] = scores.get(position, 0.0) + 1.0 / (constant + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:top_k]


def _best(scores_N: NDArray[np.float32], top_k: int) -> Ranking:
    order = np.argsort(-scores_N, kind="stable")[:top_k]
    return [(int(position), float(scores_N[position])) for position in order]


def _tokenize(texts: Sequence[str]) -> list[list[str]]:
    import bm25s

    tokens: list[list[str]] = bm25s.tokenize(
        list(texts), stopwords="en", return_ids=False, show_progress=False
    )
    return tokens
