"""The writing side of values: every value once, small ones packed together, big ones in chunks.

In: values, while a transaction is open. Out: their digests, and rows of `blobs`, `packs` and
`chunks`. What is stored already is known from memory, which is bounded, or looked up, so that a
recording taken up again, or one of several processes, shares what was there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from itertools import chain, count
from typing import NamedTuple

from memtrace.graph.storage.blobs import digest_of
from memtrace.graph.storage.bulk import insert
from memtrace.graph.storage.chunks import CHUNK_FROM_BYTES, recipe
from memtrace.graph.storage.known import Known
from memtrace.graph.storage.packs import Compressor, PackWriter, place
from memtrace.graph.storage.splitter import Splitter
from memtrace.graph.storage.values import Payload, to_bytes

__all__ = ["Deposit"]

_BlobRow = tuple[bytes, str, str, int, bytes]


class Deposit:
    """Stores values over the connection of a store."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._compressor = Compressor()
        self.forget()

    def forget(self) -> None:
        """Know nothing any more: a transaction was rolled back."""
        self._blobs = Known(self._connection, "blobs")
        self._chunks = Known(self._connection, "chunks")
        self._splitter = Splitter()

    def put(self, values: Iterable[tuple[str, Payload]]) -> list[bytes]:
        """Store values, given as encoding and payload; returns their digests.

        Big values are cut as they come, so that of many versions of a growing one only what
        differs is held in memory.
        """
        digests: list[bytes] = []
        small: dict[bytes, tuple[str, bytes]] = {}
        big: dict[bytes, _Cut] = {}
        pieces: dict[bytes, bytes] = {}
        for encoding, payload in values:
            data = to_bytes(payload)
            digest = digest_of(encoding, data)
            digests.append(digest)
            if len(data) < CHUNK_FROM_BYTES:
                small[digest] = encoding, data
            elif digest not in big and not self._blobs.remembers(digest):
                big[digest] = _Cut(
                    encoding, len(data), self._splitter.split(data, pieces)
                )  # fmt: skip
        self._store(small, big, pieces)
        return digests

    def _store(
        self, small: dict[bytes, tuple[str, bytes]], big: dict[bytes, _Cut],
        pieces: dict[bytes, bytes],
    ) -> None:  # fmt: skip
        stored = self._blobs.among([*small, *big])
        packs = PackWriter(self._connection, self._compressor)
        rows: list[_BlobRow] = [
            (digest, encoding, "pack", len(data), place(*packs.add(data)))
            for digest, (encoding, data) in small.items()
            if digest not in stored
        ]
        if big:
            numbers = self._number(pieces, list(_in_order(big.values())), packs)
            rows += [
                (
                    digest,
                    cut.encoding,
                    "chunks",
                    cut.size,
                    recipe(map(numbers.__getitem__, cut.pieces)),
                )
                for digest, cut in big.items()
                if digest not in stored
            ]
        rows.sort()  # in the order of the index, which is by digest
        insert(self._connection, "packs", packs.rows())
        insert(self._connection, "blobs", rows)
        self._blobs.add(dict.fromkeys([row[0] for row in rows], 0))

    def _number(
        self, pieces: dict[bytes, bytes], order: list[bytes], packs: PackWriter
    ) -> dict[bytes, int]:
        """The numbers of the pieces in `order`; those that are new are stored in this order."""
        numbers = self._chunks.among(order)
        row = self._connection.execute("SELECT coalesce(max(number), 0) FROM chunks").fetchone()
        new = [digest for digest in order if digest not in numbers]
        fresh = dict(zip(new, count(int(row[0]) + 1), strict=False))
        rows = [
            (number, digest, *packs.add(pieces[digest]), len(pieces[digest]))
            for digest, number in fresh.items()
        ]
        insert(self._connection, "chunks", rows)
        self._chunks.add(fresh)
        return numbers | fresh


class _Cut(NamedTuple):
    """A big value, cut into pieces."""

    encoding: str
    size: int
    pieces: list[bytes]


def _in_order(values: Collection[_Cut]) -> Iterable[bytes]:
    """All pieces once, last ones last.

    The end of a growing value is cut again each time, so its last piece is of no later use. With
    the lasting pieces numbered in a row, recipes are short.
    """
    lasts = dict.fromkeys(cut.pieces[-1] for cut in values)
    inner = dict.fromkeys(chain.from_iterable(cut.pieces for cut in values))
    return chain((digest for digest in inner if digest not in lasts), lasts)
