"""Search by meaning: the vectors of a trace's texts, made when asked for and kept beside it."""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from memtrace.graph.progress import progress

if TYPE_CHECKING:
    from lmcommon.embed import Embedder

__all__ = ["nearest"]

_BATCH = 128
_BLOCK = 8_192
_CHARS_READ = 8_000


def nearest(
    side: sqlite3.Connection, embedder: Embedder, text: str, documents: Sequence[int] | None,
    limit: int, text_of: Callable[[int], str],
) -> list[tuple[int, float]]:  # fmt: skip
    """The documents nearest to a text, with the cosine, nearest first.

    Args:
        side: The index; vectors that are missing are made and kept in it, batch by batch.
        embedder: What makes them; a vector is kept for its name and identity.
        text: What to compare with.
        documents: The documents that count; None for all that hold words.
        limit: How many at most.
        text_of: The text of a document.
    """
    name = f"{embedder.name} {json.dumps(dict(embedder.identity), sort_keys=True, default=str)}"
    side.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (document INTEGER PRIMARY KEY)")
    side.execute("DELETE FROM wanted")
    if documents is None:
        side.execute("INSERT INTO wanted SELECT id FROM documents")
    else:
        side.executemany("INSERT INTO wanted VALUES (?)", ((part,) for part in documents))
    _embed_missing(side, embedder, name, text_of)
    (query,) = embedder.embed([text])
    best: list[tuple[float, int]] = []
    for numbers, vectors_ND in _blocks(side, name, embedder.dim):
        scores = vectors_ND @ query
        for place in np.argsort(-scores)[:limit]:
            best.append((float(scores[place]), -numbers[place]))
        best = heapq.nlargest(limit, best)
    return [(-number, score) for score, number in best]


def _embed_missing(
    side: sqlite3.Connection, embedder: Embedder, name: str, text_of: Callable[[int], str]
) -> None:
    missing = [
        document
        for (document,) in side.execute(
            "SELECT document FROM wanted WHERE document NOT IN"
            " (SELECT document FROM vectors WHERE embedder = ?) ORDER BY document",
            (name,),
        )
    ]
    batch: list[tuple[int, str]] = []
    for document in progress(iter(missing), "Embedding texts", total=len(missing)):
        text = text_of(document)[:_CHARS_READ]
        if any(map(str.isalnum, text)):
            batch.append((document, text))
        if len(batch) == _BATCH:
            _embed(side, embedder, name, batch)
            batch = []
    if batch:
        _embed(side, embedder, name, batch)


def _embed(
    side: sqlite3.Connection, embedder: Embedder, name: str, batch: Sequence[tuple[int, str]]
) -> None:
    vectors_ND = embedder.embed([text for _, text in batch])
    rows = [
        (name, document, np.asarray(vector_D, dtype="<f4").tobytes())
        for (document, _), vector_D in zip(batch, vectors_ND, strict=True)
    ]
    with side:
        side.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)


def _blocks(
    side: sqlite3.Connection, name: str, dim: int
) -> Iterator[tuple[list[int], np.ndarray[tuple[int, int], np.dtype[np.float32]]]]:
    rows = side.execute(
        "SELECT v.document, v.vector FROM wanted w JOIN vectors v"
        " ON v.embedder = ? AND v.document = w.document",
        (name,),
    )
    while block := rows.fetchmany(_BLOCK):
        numbers = [number for number, _ in block]
        joined = b"".join(vector for _, vector in block)
        yield numbers, np.frombuffer(joined, dtype="<f4").reshape(-1, dim)
