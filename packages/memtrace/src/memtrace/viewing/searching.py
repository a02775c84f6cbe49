"""Search for the page: hits with the words marked; the index is built in the background.

In: words. Out: hits, or that the index is still being built: the first search of a large trace
takes seconds, so it is waited for only a moment, and the page asks again.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from memtrace.graph.reading.trace import Trace
from memtrace.types import SearchHit
from memtrace.viewing.texts import marked

__all__ = ["Finder"]

_PATIENCE_S = 0.8
_FAREWELL_S = 2.0


class Finder:
    """Searches of one trace.

    Args:
        path: The trace.
    """

    def __init__(self, path: Path) -> None:
        self._trace = Trace(path)
        self._ready = threading.Event()
        self._failure: UserError | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._is_closing = False

    def close(self) -> None:
        """Release the file; an index that is being built for long is finished first, unheeded."""
        with self._lock:
            self._is_closing = True
            thread = self._thread
        if thread is not None:
            thread.join(_FAREWELL_S)
        if thread is None or not thread.is_alive():
            self._trace.close()

    def search(self, text: str, limit: int, kind: str | None = None) -> dict[str, Any]:
        """Hits, best first; `state` says whether the index was there.

        Raises:
            UserError: The index cannot be built.
        """
        if not text.strip():
            return {"hits": [], "state": "ready"}
        if not self._is_ready():
            return {"hits": [], "state": "indexing"}
        if self._failure is not None:
            raise self._failure
        found = self._trace.search(text, limit=limit, kind=kind)
        return {"hits": self._hits(found, text), "state": "ready"}

    def _is_ready(self) -> bool:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._build, name="search", daemon=True)
                self._thread.start()
        return self._ready.wait(_PATIENCE_S)

    def _build(self) -> None:
        try:
            self._trace.search("memtrace", limit=1)
        except UserError as error:
            self._failure = error
        finally:
            self._ready.set()
            with self._lock:
                is_late = self._is_closing
            if is_late:
                self._trace.close()

    def _hits(self, found: list[SearchHit], text: str) -> list[dict[str, Any]]:
        variables = {one.id: one for one in self._trace.variables(ids=[h.variable for h in found])}
        return [
            {
                "variable": hit.variable, "kind": hit.kind, "holders": hit.holders,
                "score": round(hit.score, 4), "excerpt": marked(hit.snippet, text),
                "producer": variables[hit.variable].producer,
                "name": variables[hit.variable].name, "item": variables[hit.variable].item,
                "seq": variables[hit.variable].seq,
            }
            for hit in found
        ]  # fmt: skip
