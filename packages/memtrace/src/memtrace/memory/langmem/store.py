"""LangGraph's in-memory store, with somebody looking at what goes in and out.

LangMem may search and write from threads of its own, and in an order of its own (it deletes in the
order of a set). So searches are handed to a function, and writes are held back until the call is
over: then they are one list, in a fixed order. LangMem never reads what it has just written.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from langgraph.store.base import BaseStore, PutOp, SearchItem, SearchOp
from langgraph.store.memory import InMemoryStore

if TYPE_CHECKING:
    from lmcommon.embed import Embedder

__all__ = ["WatchedStore", "text_of", "value_of"]

KIND = "Memory"
"""Name of LangMem's own schema: one text."""


def value_of(text: str) -> dict[str, Any]:
    """What LangMem stores for a memory."""
    return {"kind": KIND, "content": {"content": text}}


def text_of(value: dict[str, Any]) -> str:
    """The text of what LangMem stored."""
    return str(value["content"]["content"])


class WatchedStore(BaseStore):  # type: ignore[misc]
    """The store that a memory manager is given.

    Args:
        embedder: Makes the vectors.
        namespace: Where everything lies.
        searched: Gets each search and what it found; what it returns goes on.
    """

    def __init__(
        self, embedder: Embedder, namespace: tuple[str, ...],
        searched: Callable[[SearchOp, list[SearchItem]], list[SearchItem]],
    ) -> None:  # fmt: skip
        def embed(texts: list[str]) -> list[list[float]]:
            vectors: list[list[float]] = embedder.embed(texts).tolist()
            return vectors

        self._inner = InMemoryStore(index={"dims": embedder.dim, "embed": embed})
        self._namespace = namespace
        self._searched = searched
        self._held: list[PutOp] = []
        self._lock = threading.Lock()

    def batch(self, ops: Iterable[Any]) -> list[Any]:
        """Search and get now, hold writes back."""
        results: list[Any] = []
        for op in ops:
            if isinstance(op, PutOp):
                with self._lock:
                    self._held.append(op)
                results.append(None)
                continue
            (result,) = self._inner.batch([op])
            results.append(self._searched(op, result) if isinstance(op, SearchOp) else result)
        return results

    async def abatch(self, ops: Iterable[Any]) -> list[Any]:
        """The same."""
        return self.batch(ops)

    def held(self) -> list[tuple[str, str | None]]:
        """Take what was to be written: key and text (None: delete); deletions last, by key."""
        with self._lock:
            held, self._held = self._held, []
        rows = [(op.key, None if op.value is None else text_of(op.value)) for op in held]
        deletions = sorted(row for row in rows if row[1] is None)
        return [row for row in rows if row[1] is not None] + deletions

    def texts(self) -> dict[str, str]:
        """Everything in it: key to text."""
        return {
            key: text_of(item.value) for key, item in self._inner._data[self._namespace].items()
        }

    def put_now(self, key: str, text: str) -> None:
        """Write."""
        self._inner.put(self._namespace, key, value_of(text))

    def delete_now(self, key: str) -> None:
        """Delete."""
        self._inner.delete(self._namespace, key)

    def item(self, key: str, score: float) -> SearchItem:
        """A stored item as a search result."""
        found = self._inner.get(self._namespace, key)
        return SearchItem(
            self._namespace, key, found.value, found.created_at, found.updated_at, score
        )

    def snapshot(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Items and vectors; both are replaced, never changed, by a write."""
        vectors = self._inner._vectors[self._namespace]
        return (
            dict(self._inner._data[self._namespace]),
            {key: dict(paths) for key, paths in vectors.items()},
        )

    def restore(self, state: tuple[dict[str, Any], dict[str, Any]]) -> None:
        """Take older ones."""
        items, vectors = state
        self._inner._data[self._namespace] = dict(items)
        fresh: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        fresh.update({key: dict(paths) for key, paths in vectors.items()})
        self._inner._vectors[self._namespace] = fresh
