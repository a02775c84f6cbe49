"""Vectors kept by text: the same text has the same vector every time, and is embedded once.

In: texts. Out: the inner embedder's vectors, from memory or from a file where they are known. A
model's last digits depend on what else is in the batch; kept vectors do not.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lmcommon.embed.base import Embedder, Vectors
from lmcommon.errors import UserError

__all__ = ["CachedEmbedder"]

_CHUNK = 500


class CachedEmbedder:
    """An embedder that remembers. Thread-safe; processes may share the file.

    Args:
        inner: Embeds what is not known.
        path: An SQLite file, made (with its folder) when missing; None: memory only.

    Raises:
        UserError: On use, a file that cannot be read or written.
    """

    def __init__(self, inner: Embedder, path: str | Path | None = None) -> None:
        self._inner = inner
        self._path = None if path is None else Path(path)
        self._known: dict[str, Vectors] = {}
        self._lock = threading.Lock()
        self._salt = json.dumps(dict(inner.identity), sort_keys=True).encode()
        self.computed = 0
        """How many texts the inner embedder was given."""

    def __repr__(self) -> str:
        return f"CachedEmbedder({self._inner!r}, {self._path!r})"

    @property
    def name(self) -> str:
        """The inner embedder's name."""
        return self._inner.name

    @property
    def identity(self) -> Mapping[str, Any]:
        """The inner embedder's identity: remembering changes no vector."""
        return self._inner.identity

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._inner.dim

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, [N, D]; each text is embedded at most once."""
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        keys = [self._key(text) for text in texts]
        with self._lock:
            self._load([key for key in keys if key not in self._known])
            missing = dict(zip(keys, texts, strict=True))
            missing = {key: text for key, text in missing.items() if key not in self._known}
            if missing:
                fresh_ND = self._inner.embed(list(missing.values()))
                self.computed += len(missing)
                self._keep(dict(zip(missing, fresh_ND, strict=True)))
            return np.stack([self._known[key] for key in keys])

    def close(self) -> None:
        """Close the inner embedder."""
        self._inner.close()

    def _key(self, text: str) -> str:
        digest = hashlib.blake2b(self._salt, digest_size=16)
        digest.update(b"\0" + text.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def _load(self, keys: Sequence[str]) -> None:
        if self._path is None or not keys or not self._path.exists():
            return
        with self._open() as connection:
            for start in range(0, len(keys), _CHUNK):
                part = keys[start : start + _CHUNK]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, vector FROM vectors WHERE key IN ({marks})"
                for key, blob in connection.execute(query, part):
                    self._known[key] = np.frombuffer(blob, np.float32)

    def _keep(self, fresh: Mapping[str, Vectors]) -> None:
        self._known.update(fresh)
        if self._path is None:
            return
        rows = [(key, np.asarray(row, np.float32).tobytes()) for key, row in fresh.items()]
        with self._open() as connection, connection:
            connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        assert self._path is not None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=60.0)) as connection:
                connection.execute("PRAGMA synchronous = OFF")  # a lost vector is made again
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB)"
                )
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise UserError(
                f"embedder cache: expected a readable and writable file at {str(self._path)!r}; "
                f"got {error}; delete it, or choose another"
            ) from error
