"""Many small pieces of bytes compressed together: alone, they would hardly compress.

In: pieces, while a transaction is open. Out: rows of the table `packs`, and for every piece where
it lies: pack, offset and size. A pack never crosses a transaction, so what is on disk is whole.
"""

from __future__ import annotations

import sqlite3
import zlib

__all__ = ["PACK_BYTES", "Compressor", "PackWriter", "at", "piece", "place"]

PACK_BYTES = 32_768
"""A pack is closed when it has grown to this. A piece may be longer and then ends its pack."""
_WORTH = 0.97
_POOR = 0.5
_TRY_BOTH_EVERY = 8


class Compressor:
    """zlib at its fastest. What looks like noise (hex, base64) is not searched for repetitions.

    There, chance repetitions cost time and room. The better way is found out now and then, and
    kept for the packs that follow.
    """

    def __init__(self) -> None:
        self._strategy = zlib.Z_DEFAULT_STRATEGY
        self._packs = 0

    def __call__(self, plain: bytes) -> bytes:
        """The compressed bytes."""
        packed = _compress(plain, self._strategy)
        self._packs += 1
        is_default = self._strategy == zlib.Z_DEFAULT_STRATEGY
        is_good = is_default and len(packed) <= _POOR * len(plain)
        if is_good or self._packs % _TRY_BOTH_EVERY != 1:
            return packed
        other = zlib.Z_HUFFMAN_ONLY if is_default else zlib.Z_DEFAULT_STRATEGY
        rival = _compress(plain, other)
        if len(rival) < len(packed):
            self._strategy, packed = other, rival
        return packed


def _compress(plain: bytes, strategy: int) -> bytes:
    compressing = zlib.compressobj(1, strategy=strategy)
    return compressing.compress(plain) + compressing.flush()


class PackWriter:
    """The packs of one transaction."""

    def __init__(self, connection: sqlite3.Connection, compressor: Compressor) -> None:
        self._compressor = compressor
        row = connection.execute("SELECT coalesce(max(number), 0) FROM packs").fetchone()
        self._number = int(row[0]) + 1
        self._rows: list[tuple[int, str, int, bytes]] = []
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> tuple[int, int]:
        """Take up a piece; returns pack and offset."""
        if self._size >= PACK_BYTES:
            self._close()
        offset = self._size
        self._pieces.append(data)
        self._size += len(data)
        return self._number, offset

    def rows(self) -> list[tuple[int, str, int, bytes]]:
        """Rows for `packs`, once all pieces were added."""
        if self._pieces:
            self._close()
        return self._rows

    def _close(self) -> None:
        plain = b"".join(self._pieces)
        packed = self._compressor(plain)
        is_worth_it = len(packed) < _WORTH * len(plain)
        self._rows.append(
            (self._number, "zlib", len(plain), packed)
            if is_worth_it
            else (self._number, "raw", len(plain), plain)
        )
        self._number += 1
        self._pieces, self._size = [], 0


def place(pack: int, offset: int) -> bytes:
    """What `blobs.data` holds for a value in a pack: the offset in the last two bytes."""
    return (pack << 16 | offset).to_bytes(6, "big")


def at(data: bytes) -> tuple[int, int]:
    """Pack and offset, from what `place` made.

    Raises:
        ValueError: If it is of another length.
    """
    if len(data) != 6:
        raise ValueError(f"expected the place of a value in a pack; got {data[:16].hex()}")
    both = int.from_bytes(data, "big")
    return both >> 16, both & 0xFFFF


def piece(pack: bytes, offset: int, size: int) -> bytes:
    """A piece of an unpacked pack.

    Raises:
        ValueError: If the pack is too short.
    """
    if offset + size > len(pack):
        raise ValueError(f"expected a pack of at least {offset + size} bytes; got {len(pack)}")
    return pack[offset : offset + size]
