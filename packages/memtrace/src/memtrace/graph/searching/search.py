"""Finding texts in a trace: by words, by meaning, by pattern.

In: what to look for. Out: `SearchHit`s, best first, or for a pattern in the order in which the
texts came up. Words and meanings come from the index beside the trace; a pattern reads the trace.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lmcommon.errors import UserError
from memtrace.graph.explaining.texts import plain
from memtrace.graph.ids import variable_id
from memtrace.graph.reading.database import Database
from memtrace.graph.searching.indexing import chunk_text, text_in
from memtrace.graph.searching.searchscope import SearchScope
from memtrace.graph.searching.sidefile import SideFile
from memtrace.graph.storage.blobs import BlobReader
from memtrace.types import SearchHit

if TYPE_CHECKING:
    from lmcommon.embed import Embedder

__all__ = ["Search"]

_WIDTH = 160
_RANKED = 5_000
"""Of a word that stands in more texts than this, the first so many compete: it tells little."""
_BLOB = "SELECT encoding, codec, size, data FROM blobs WHERE digest = ?"
_ALL = (
    "SELECT v.number, v.kind, b.digest, b.encoding, b.codec, b.size, b.data"
    " FROM variables v JOIN blobs b USING (digest) WHERE NOT v.is_deletion {} ORDER BY v.number"
)


class Search:
    """Searches in one trace file.

    Args:
        database: The trace.
        blobs: Its values.
    """

    def __init__(self, database: Database, blobs: BlobReader) -> None:
        self._database, self._blobs = database, blobs
        self._file = SideFile(database, blobs)

    def close(self) -> None:
        """Release the index."""
        self._file.close()

    def words(
        self, text: str, *, limit: int, kinds: Collection[str] | None,
        among: Iterable[int] | None, raw: bool,
    ) -> list[SearchHit]:  # fmt: skip
        """The texts that hold all the words; if there are none, those that hold some.

        Args:
            text: Words, or with `raw` an expression of SQLite's FTS5.
            limit: How many hits at most.
            kinds: Only variables of these kinds.
            among: Only these variables.
            raw: Whether the text is an expression.

        Raises:
            UserError: For a raw text that is no FTS5 expression.
        """
        phrases = [text] if raw else _phrases(text)
        if not phrases or limit < 1:
            return []
        pattern = _pattern(text)
        with self._file.lock, _Repaired(self._file):
            side = self._file.current()
            scope = SearchScope(self._database, side, kinds, among)
            for joined in (" ".join(phrases), " OR ".join(phrases)):
                found = _ranked(side, joined, scope, limit, raw=raw)
                if found:
                    return self._hits(side, scope, found, pattern)
        return []

    def nearest(
        self, text: str, embedder: Embedder, *, limit: int, kinds: Collection[str] | None,
        among: Iterable[int] | None,
    ) -> list[SearchHit]:  # fmt: skip
        """The texts whose vectors are nearest to that of a text.

        Args:
            text: What to compare with.
            embedder: What makes the vectors; those of a trace's texts are kept beside it.
            limit: How many hits at most.
            kinds: Only variables of these kinds.
            among: Only these variables.
        """
        from memtrace.graph.searching.vectors import nearest

        with self._file.lock, _Repaired(self._file):
            side = self._file.current()
            scope = SearchScope(self._database, side, kinds, among)
            found = nearest(
                side, embedder, text, scope.documents(), limit, lambda part: self._text(side, part)
            )
            return self._hits(side, scope, found, _pattern(text))

    def pattern(
        self, pattern: str | re.Pattern[str], *, kinds: Collection[str] | None
    ) -> Iterator[SearchHit]:
        """Stream the distinct texts that hold a text or match a regular expression, exactly.

        Args:
            pattern: What to look for; here the keys of mappings are texts too.
            kinds: Only variables of these kinds.
        """
        wanted = re.compile(re.escape(pattern)) if isinstance(pattern, str) else pattern
        clause, values = _kind_clause(kinds)
        seen = set[bytes]()
        for number, kind, digest, *blob in self._database.query(_ALL.format(clause), values):
            if blob[0] == "bytes" or digest in seen:
                continue
            seen.add(digest)
            text = text_in(self._blobs, *blob, keys=True)
            match = wanted.search(text)
            if match is not None:
                yield SearchHit(
                    variable=variable_id(number), kind=kind, score=1.0,
                    snippet=_around(text, match.start()), holders=self._count(digest, kinds),
                )  # fmt: skip

    # Inside ---------------------------------------------------------------------------------

    def _hits(
        self, side: sqlite3.Connection, scope: SearchScope, found: Sequence[tuple[int, float]],
        pattern: re.Pattern[str] | None,
    ) -> list[SearchHit]:  # fmt: skip
        hits = []
        for document, score in found:
            holder = scope.holder(document)
            if holder is None:
                continue
            text = self._text(side, document)
            match = None if pattern is None else pattern.search(text)
            hits.append(SearchHit(
                variable=variable_id(holder[0]), kind=holder[1], score=score,
                snippet=_around(text, 0 if match is None else match.start()), holders=holder[2],
            ))  # fmt: skip
        return hits

    def _text(self, side: sqlite3.Connection, document: int) -> str:
        digest, chunk = side.execute(
            "SELECT digest, chunk FROM documents WHERE id = ?", (document,)
        ).fetchone()
        if chunk is not None:
            return chunk_text(self._blobs, chunk)
        row = self._database.one(_BLOB, (digest,))
        return "" if row is None else text_in(self._blobs, *row)

    def _count(self, digest: bytes, kinds: Collection[str] | None) -> int:
        clause, values = _kind_clause(kinds)
        statement = f"SELECT count(*) FROM variables v WHERE v.digest = ? {clause}"
        return self._database.number(statement, (digest, *values)) or 0


class _Repaired:
    """An index that turns out to be damaged is dropped; the next search builds it anew."""

    def __init__(self, file: SideFile) -> None:
        self._file = file

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, sqlite3.DatabaseError):
            self._file.forget()
            raise UserError(
                f"{self._file.path}: the search index was damaged ({error}) and is dropped; "
                "search again"
            ) from error


def _ranked(
    side: sqlite3.Connection, expression: str, scope: SearchScope, limit: int, *, raw: bool
) -> list[tuple[int, float]]:
    clause, values = scope.clause()
    try:
        rows = side.execute(
            "SELECT document, score FROM (SELECT rowid AS document, bm25(texts) AS score FROM texts"
            f" WHERE texts MATCH ? {clause} LIMIT ?) ORDER BY score LIMIT ?",
            (expression, *values, max(_RANKED, limit), limit),
        ).fetchall()
    except sqlite3.OperationalError as error:
        if not raw:
            raise
        raise UserError(
            f"expected an expression of SQLite's FTS5; got {expression!r} ({error}); leave out "
            "raw=True to search for plain words"
        ) from error
    return [(document, -rank) for document, rank in rows]


def _kind_clause(kinds: Collection[str] | None) -> tuple[str, list[str]]:
    if kinds is None:
        return "", []
    return f"AND v.kind IN ({','.join('?' * len(kinds))})", list(kinds)


def _phrases(text: str) -> list[str]:
    """Each word quoted, so that nothing in it is syntax; scripts without blanks as phrases."""
    words = (plain(word).strip() for word in text.split())
    return [f'"{word}"' for word in dict.fromkeys(words) if word]


def _pattern(text: str) -> re.Pattern[str] | None:
    """Where a snippet should begin to look: any of the words, longest first."""
    words = sorted(set(re.findall(r"\w{2,}|[^\W\x00-\x7f]", text)), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, words[:32])), re.IGNORECASE) if words else None


def _around(text: str, place: int) -> str:
    """One line of the text around a place."""
    start = max(0, place - _WIDTH // 3)
    end = start + _WIDTH
    cut = " ".join(text[start:end].split())
    return f"{'...' if start else ''}{cut}{'...' if end < len(text) else ''}"
