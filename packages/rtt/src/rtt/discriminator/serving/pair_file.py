"""Relevances in an SQLite file that several runs and processes can share.

In: digest of the discriminator and pairs of texts. Out: what was stored under both, to the bit.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lmcommon.errors import UserError
from lmcommon.shared_sqlite import open_shared
from rtt.discriminator.characters import Chars
from rtt.discriminator.encoding import Asked

__all__ = ["PairFile"]

_APPLICATION_ID = 0x72747470  # "rttp"
_FORMAT = 1
_MAX_VARIABLES = 500


class PairFile:
    """Opened at first use; safe for threads, processes and forks.

    Args:
        path: The file; its folder is made.
        megabytes: About how large it may get; the oldest tenth goes when it is larger.

    Raises:
        UserError: On use, a file that is damaged, of another program, or of another format.
    """

    def __init__(self, path: str | Path, *, megabytes: float = 4096.0) -> None:
        self.path, self._limit = Path(path), int(megabytes * 2**20)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._pid = os.getpid()

    def get(self, digest: str, pairs: Sequence[Asked]) -> dict[Asked, Chars]:
        """What is known of these pairs."""
        by_key = {_key(digest, pair): pair for pair in pairs}
        keys, found = list(by_key), {}
        with self._open() as connection:
            for start in range(0, len(keys), _MAX_VARIABLES):
                part = keys[start : start + _MAX_VARIABLES]
                query = f"SELECT key, told FROM pairs WHERE key IN ({','.join('?' * len(part))})"
                for key, told in connection.execute(query, part):
                    pair = by_key[key]
                    found[pair] = _decode(told, len(pair.response))
        return found

    def put(self, digest: str, told: Mapping[Asked, Chars]) -> None:
        """Store relevances; what is there already stays."""
        rows = [
            (_key(digest, pair), zlib.compress(chars.astype("<f4").tobytes(), 1))
            for pair, chars in told.items()
        ]
        with self._open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT OR IGNORE INTO pairs (key, told) VALUES (?, ?)", rows)
            self._trim(connection)

    def __len__(self) -> int:
        with self._open() as connection:
            count: int = connection.execute("SELECT count(*) FROM pairs").fetchone()[0]
            return count

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection = None

    def _trim(self, connection: sqlite3.Connection) -> None:
        def pragma(name: str) -> int:
            value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
            return value

        size = (pragma("page_count") - pragma("freelist_count")) * pragma("page_size")
        if size > self._limit:
            connection.execute(
                "DELETE FROM pairs WHERE number IN (SELECT number FROM pairs ORDER BY number "
                "LIMIT (SELECT count(*) / 10 + 1 FROM pairs))"
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._pid != os.getpid():  # a connection inherited through fork must not be used
                self._connection, self._pid = None, os.getpid()
            try:
                if self._connection is None:
                    self._connection = _connect(self.path)
                yield self._connection
            except (sqlite3.Error, OSError, zlib.error) as error:
                raise UserError(
                    f"relevance.cache: expected a readable and writable cache at "
                    f"{str(self.path)!r}, got: {error}; move the file away to start anew, or give "
                    "another relevance.cache"
                ) from error


def _key(digest: str, pair: Asked) -> bytes:
    """Lengths are part of it, so that no two pairs run into one another."""
    parts = [part.encode("utf-8", "surrogatepass") for part in (digest, *pair)]
    sizes = " ".join(str(len(part)) for part in parts).encode()
    return hashlib.sha256(b"\n".join([sizes, *parts])).digest()


def _decode(told: bytes, length: int) -> Chars:
    chars = np.frombuffer(zlib.decompress(told), dtype="<f4").astype(np.float32)
    if len(chars) != length:
        raise sqlite3.DatabaseError(f"a row of {len(chars)} numbers for {length} characters")
    return chars


def _connect(path: Path) -> sqlite3.Connection:
    def refuse(owner: int, version: int) -> None:
        if (owner, version) != (_APPLICATION_ID, _FORMAT):
            raise UserError(
                f"relevance.cache: expected a cache of relevances (format {_FORMAT}), got "
                f"{str(path)!r} of another program or format; give another relevance.cache"
            )

    schema = (
        "CREATE TABLE pairs (number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, "
        "told BLOB NOT NULL)"
    )
    return open_shared(
        path, application_id=_APPLICATION_ID, layout=_FORMAT, schema=schema, refuse=refuse
    )
