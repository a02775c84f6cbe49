"""The reading side of values: from a variable's number to its value, however it is stored.

In: a connection to a trace of any version. Out: values, or their bytes. Unpacked packs are kept for
a while, since the values next to each other are mostly read next to each other.
"""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections import OrderedDict
from hashlib import blake2b
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from memtrace.graph.storage import schema
from memtrace.graph.storage.chunks import numbers_of
from memtrace.graph.storage.packs import at, piece
from memtrace.graph.storage.values import decode

__all__ = ["DAMAGE", "BlobReader", "digest_of"]

DAMAGE = (ValueError, KeyError, TypeError, OverflowError, zlib.error)
"""What bytes that are not what they should be bring about."""
_KEPT_PACKS = 128
_HEADS = {encoding: encoding.encode() + b"\0" for encoding in ("text", "json", "tagged", "bytes")}

_VALUE = (
    "SELECT b.encoding, b.codec, b.size, b.data, b.digest FROM variables v"
    " JOIN blobs b USING (digest) WHERE v.number = ?"
)


class BlobReader:
    """Reads values over a connection of another's. Threads may share it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection, self._path = connection, path
        self._packs: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def value(self, number: int) -> Any:
        """The value of the variable with this number, checked against its digest.

        Raises:
            KeyError: If there is no such variable.
            UserError: If the stored bytes are damaged or missing.
        """
        with schema.readable(self._path):
            row = self._connection.execute(_VALUE, (number,)).fetchone()
        if row is None:
            self._refuse_missing(number)
            raise KeyError(f"expected a variable of {self._path}; there is no var-{number}")
        encoding, codec, size, data, digest = row
        try:
            plain = self.plain(codec, size, data)
            if digest_of(encoding, plain) != digest:
                raise ValueError(f"codec {codec!r}: the content does not match its digest")
            return decode(encoding, plain)
        except (RecursionError, *DAMAGE) as error:
            raise UserError(
                f"{self._path}: the value of var-{number} is damaged ({error}); "
                "memtrace-check says what can be saved"
            ) from error

    def _refuse_missing(self, number: int) -> None:
        with schema.readable(self._path):
            row = self._connection.execute(
                "SELECT 1 FROM variables WHERE number = ?", (number,)
            ).fetchone()
        if row is not None:
            raise UserError(
                f"{self._path}: the value of var-{number} is missing, so the trace is damaged; "
                "memtrace-check says what can be saved"
            )

    def plain(self, codec: str, size: int, data: bytes) -> bytes:
        """The encoded bytes of a blob, from three of its columns. Not checked against a digest.

        Raises:
            ValueError: If the columns are damaged, or what they refer to is missing.
            zlib.error: If compressed bytes are damaged.
        """
        if not isinstance(data, bytes):
            raise TypeError(f"expected bytes in the column data; got {data!r:.40}")
        if codec == "pack":
            pack, offset = at(data)
            return piece(self.pack(pack), offset, size)
        if codec == "chunks":
            return b"".join(b"".join(self.chunks(run)) for run in numbers_of(data))
        if codec == "zlib":
            return zlib.decompress(data)
        if codec == "raw":
            return data
        raise ValueError(f"expected the codec raw, zlib, pack or chunks; got {codec!r}")

    def chunks(self, run: range) -> list[bytes]:
        """The chunks with these numbers, in order.

        Raises:
            ValueError: If one is missing.
            zlib.error: If compressed bytes are damaged.
        """
        with schema.readable(self._path):
            rows = self._connection.execute(
                "SELECT pack, offset, size FROM chunks WHERE number BETWEEN ? AND ?"
                " ORDER BY number",
                (run.start, run.stop - 1),
            ).fetchall()
        if len(rows) != len(run):
            raise ValueError(f"expected {len(run)} chunks from {run.start}; got {len(rows)}")
        return [piece(self.pack(pack), offset, size) for pack, offset, size in rows]

    def pack(self, number: int) -> bytes:
        """An unpacked pack.

        Raises:
            ValueError: If it is missing or of an unknown codec.
            zlib.error: If its bytes are damaged.
        """
        with self._lock:
            if number in self._packs:
                self._packs.move_to_end(number)
                return self._packs[number]
        with schema.readable(self._path):
            row = self._connection.execute(
                "SELECT codec, data FROM packs WHERE number = ?", (number,)
            ).fetchone()
        if row is None or row[0] not in ("raw", "zlib"):
            raise ValueError(f"expected pack {number}; got {row and row[0]!r}")
        plain = zlib.decompress(row[1]) if row[0] == "zlib" else bytes(row[1])
        with self._lock:
            self._packs[number] = plain
            if len(self._packs) > _KEPT_PACKS:
                self._packs.popitem(last=False)
        return plain


def digest_of(encoding: str, data: bytes) -> bytes:
    """Name of a value in the store: equal exactly for values of equal encoding and content."""
    head = _HEADS.get(encoding) or encoding.encode() + b"\0"
    return blake2b(head + data, digest_size=16).digest()
