"""The SQLite file behind `CachedModel`: keys, rows, and who may write.

In: request keys and responses. Out: the responses stored under them. WAL mode and a busy timeout
let many processes share the file; a connection is never carried over a fork.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from lmcommon.errors import UserError
from lmcommon.llm.types import (
    ChatRequest,
    ChatResponse,
    ScoreRequest,
    ScoreResponse,
    TokenLogprob,
    Usage,
)
from lmcommon.shared_sqlite import open_shared

__all__ = ["FORMAT", "ReplyStore", "request_key"]

FORMAT = 1
"""Version of the key and row format; part of every key."""

_APPLICATION_ID = 0x6C6D6363  # "lmcc"
_MAX_VARIABLES = 500

Response = TypeVar("Response", ChatResponse, ScoreResponse)


def request_key(request: ChatRequest | ScoreRequest, identity: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of everything that decides the answer.

    Every field of the request counts. A schema counts with the order of its keys, since engines
    write the properties in that order; the identity counts without it.
    """
    values = {field.name: getattr(request, field.name) for field in fields(request)}
    values["messages"] = [[message.role, message.content] for message in request.messages]
    if isinstance(request, ChatRequest):
        values["sampling"] = {
            **asdict(request.sampling),
            # 0 and 0.0 decode alike.
            "temperature": float(request.sampling.temperature),
            "top_p": float(request.sampling.top_p),
        }
    schema = values.pop("schema", None)
    whole = {
        "format": FORMAT,
        "kind": type(request).__name__,
        "identity": dict(identity),
        "request": values,
        "schema": None if schema is None else json.dumps(
            schema, allow_nan=False, default=dict, ensure_ascii=False
        ),
    }  # fmt: skip
    # Not as ASCII: escaped, a character beyond 16 bits and its two halves would look the same.
    text = json.dumps(
        whole, sort_keys=True, allow_nan=False, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class ReplyStore:
    """Responses by key. Opened on first use; safe for threads, processes and forks.

    Args:
        path: The file.
        must_exist: Fail instead of making a new, empty file.

    Raises:
        UserError: On construction, no such file; on use, a file that is damaged, of another
            program, or of a newer format.
    """

    def __init__(self, path: Path, *, must_exist: bool) -> None:
        if must_exist and not path.is_file():
            raise UserError(
                f"cache: expected a recorded file to replay, got {str(path)!r}, which does not "
                "exist; record it first (cache.mode=record)"
            )
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._pid = os.getpid()

    def get(self, keys: Sequence[str], kind: type[Response]) -> dict[str, Response]:
        """What is stored under `keys`."""
        found: dict[str, Response] = {}
        with self._open() as connection:
            for start in range(0, len(keys), _MAX_VARIABLES):
                part = keys[start : start + _MAX_VARIABLES]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, response FROM replies WHERE key IN ({marks})"
                for key, text in connection.execute(query, part):
                    found[key] = _decode(text, kind)
        return found

    def put(
        self, responses: Mapping[str, Response], *, overwrite: bool = False
    ) -> dict[str, Response]:
        """Store responses; what another writer stored first stays, unless `overwrite`.

        Returns:
            What is in the file now under these keys.
        """
        if not responses:
            return {}
        verb = "REPLACE" if overwrite else "IGNORE"
        now = time.time()
        rows = [(key, r.model, now, _encode(r)) for key, r in responses.items()]
        with self._open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(f"INSERT OR {verb} INTO replies VALUES (?, ?, ?, ?)", rows)
        kind = type(next(iter(responses.values())))
        return self.get(list(responses), kind)

    def __len__(self) -> int:
        with self._open() as connection:
            count: int = connection.execute("SELECT count(*) FROM replies").fetchone()[0]
            return count

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection = None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._pid != os.getpid():  # A connection inherited through fork must not be used.
                self._connection, self._pid = None, os.getpid()
            try:
                if self._connection is None:
                    self._connection = _connect(self.path)
                yield self._connection
            except (sqlite3.Error, OSError) as error:
                raise UserError(
                    f"cache: expected a readable and writable cache at {str(self.path)!r}, "
                    f"got: {error}; move the file away to start anew, or set another cache.path"
                ) from error


def _connect(path: Path) -> sqlite3.Connection:
    def refuse(owner: int, version: int) -> None:
        if owner != _APPLICATION_ID:
            raise UserError(
                f"cache: {str(path)!r} is an SQLite file of another program; set another cache.path"
            )
        if version != FORMAT:
            raise UserError(
                f"cache: expected format {FORMAT}, {str(path)!r} has {version}; "
                "record it again into another file"
            )

    schema = (
        "CREATE TABLE replies (key TEXT PRIMARY KEY, model TEXT, created_s REAL, "
        "response TEXT NOT NULL) WITHOUT ROWID"
    )
    return open_shared(
        path, application_id=_APPLICATION_ID, layout=FORMAT, schema=schema, refuse=refuse
    )


def _encode(response: ChatResponse | ScoreResponse) -> str:
    columns = asdict(response)
    del columns["failure"], columns["cached"]
    return json.dumps(columns)


def _decode(text: str, kind: type[Response]) -> Response:
    try:
        columns = json.loads(text)
        columns["usage"] = Usage(**columns["usage"])
        for name in ("tokens", "logprobs"):
            if columns.get(name) is not None:
                columns[name] = tuple(map(_token, columns[name]))
        return kind(**columns)
    except (ValueError, TypeError, KeyError) as error:
        raise sqlite3.DatabaseError(f"a row that cannot be read ({error})") from error


def _token(fields: Mapping[str, Any]) -> TokenLogprob:
    top = tuple((token, logprob) for token, logprob in fields["top"])
    return TokenLogprob(fields["token"], fields["logprob"], top)
