"""The shelf of a RAG memory: stored chunks, the indexes over them, and the operations on both.

In: chunks, then queries. Out: hits, best first, as copies of the stored items. The `store` variable
stands for the whole shelf: its lineage holds every item written so far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lmcommon.errors import UserError
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.memory.chunking import Chunk
from memtrace.memory.index import Index, Ranking, fuse
from memtrace.memory.rendering import Line, page
from memtrace.memory.types import Hit

__all__ = ["Found", "Shelf"]

Found = list[tuple[Hit, Handle[str]]]
"""Hits with their variables, best first."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A stored chunk."""

    id: str
    chunk: Chunk
    handle: Handle[str]


class Shelf:
    """Chunks and the indexes over them.

    Args:
        indexes: One, or several whose rankings are fused.
        prefix: What item ids start with.
    """

    def __init__(self, indexes: Sequence[Index], prefix: str) -> None:
        self.indexes = tuple(indexes)
        self._prefix = prefix
        self._items: tuple[_Item, ...] = ()
        self._store: Handle[Any] | None = None

    def snapshot(self) -> object:
        """Items, store and index states; nothing is copied."""
        return self._items, self._store, tuple(index.snapshot() for index in self.indexes)

    def restore(self, state: Any) -> None:
        """Take an older state."""
        self._items, self._store, indexed = state
        for index, older in zip(self.indexes, indexed, strict=True):
            index.restore(older)

    def write(self, chunks: Sequence[Chunk], handles: Sequence[Handle[str]]) -> None:
        """Index chunks, each a new item (operation `index`)."""
        inputs: dict[str, Any] = {"chunks": list(handles)}
        if self._store is not None:
            inputs["store"] = self._store
        with Stage("index", kind="index", inputs=inputs, points=("items",)) as op:
            rows: list[dict[str, Any]] = [
                {"item": self._name(chunk), "lines": chunk.to_list()} for chunk in chunks
            ]
            named = [_named(op, row) for row in op.settle("items", rows)]
            for index in self.indexes:
                index.add([chunk.text for _, chunk in named])
            for name, chunk in named:
                name = name or self._name(chunk)
                item = op.output("items", chunk.text, kind="memory_item", item=name)
                self._items += (_Item(name, chunk, item),)
            self._store = op.output("store", {"items": len(self._items)}, kind="store")

    def _name(self, chunk: Chunk) -> str:
        return f"{self._prefix}{chunk.turns[0]}..{chunk.turns[-1]}"

    def rank(self, query: Handle[str], top_k: int) -> Found:
        """What the indexes find (`retrieve`), fused if there are several (`fuse`)."""
        is_fused = len(self.indexes) > 1
        rankings = [
            self._search(index, query, 2 * top_k if is_fused else top_k) for index in self.indexes
        ]
        if not is_fused:
            return self._hits(*rankings[0])
        inputs = {
            index.name: [handle for _, handle in self._hits(*ranking)]
            for index, ranking in zip(self.indexes, rankings, strict=True)
        }
        copies: dict[int, Handle[str]] = {}
        for ranking, handles in rankings:
            copies |= {place: h for (place, _), h in zip(ranking, handles, strict=True)}
        with Stage(
            "fuse", kind="retrieval", inputs=inputs, points=("hits",),
            parameters={"top_k": top_k},
        ) as op:  # fmt: skip
            return self._pass_on(op, fuse([ranking for ranking, _ in rankings], top_k), copies)

    def in_order(self, op: Stage, found: Found, order: Sequence[int] | None, top_k: int) -> Found:
        """The best of what was found, in another order (None: as it was); outputs of `op`."""
        places = self.places()
        ranking: Ranking = [(places[hit.item], hit.score) for hit, _ in found]
        copies = {place: copy for (place, _), (_, copy) in zip(ranking, found, strict=True)}
        if order is not None:  # the order is all the model said: scores are one over the rank
            ranking = [(ranking[old][0], 1.0 / rank) for rank, old in enumerate(order, 1)]
        return self._pass_on(op, ranking[:top_k], copies)

    def _search(
        self, index: Index, question: Handle[str], top_k: int
    ) -> tuple[Ranking, list[Handle[str]]]:
        inputs: dict[str, Any] = {"question": question}
        if self._store is not None:
            inputs["store"] = self._store
        parameters = {"index": index.name, "top_k": top_k}
        with Stage(
            "retrieve", kind="retrieval", inputs=inputs, points=("hits",), parameters=parameters
        ) as op:
            found = self._pass_on(op, index.search(question.value, top_k), {})
        places = self.places()
        ranking = [(places[hit.item], hit.score) for hit, _ in found]
        return ranking, [handle for _, handle in found]

    def _pass_on(self, op: Stage, ranking: Ranking, copies: Mapping[int, Handle[str]]) -> Found:
        """Record a ranked list, or what a replay puts in its place.

        Args:
            op: The operation that ranked.
            ranking: Places and scores, best first.
            copies: Hits of earlier operations, by place; the others are copies of stored items.
        """

        def known(place: int) -> Handle[str]:
            return copies.get(place) or self._items[place].handle

        rows: list[dict[str, Any]] = [
            {"item": self._items[place].id, "score": score, "text": known(place).value}
            for place, score in ranking
        ]
        settled = op.settle("hits", rows)
        if settled is not rows:
            ranking = self._checked(op, settled)
        handles = []
        for rank, ((place, score), row) in enumerate(zip(ranking, settled, strict=True), 1):
            said = row.get("text", known(place).value)
            is_copy = said == known(place).value
            handles.append(op.output(
                "hits", known(place) if is_copy else said, kind="hit",
                metadata={"rank": rank, "score": round(score, 6)},
            ))  # fmt: skip
        return self._hits(ranking, handles)

    def _checked(self, op: Stage, rows: Sequence[Any]) -> Ranking:
        """The ranking that a replay gave: stored items by id, with other words if it likes."""
        places = self.places()
        if unknown := [row for row in rows if _item_of(row) not in places]:
            raise UserError(
                f"hits at {op.place}: expected rows {{item, score, text}} of items in the store "
                f"({', '.join(list(places)[:5])}, ...); got {unknown[0]!r}"
            )
        if wrong := [row for row in rows if not isinstance(row.get("score", 0.0), int | float)]:
            raise UserError(f"hits at {op.place}: expected a number as score; got {wrong[0]!r}")
        if wrong := [row for row in rows if not isinstance(row.get("text", ""), str)]:
            raise UserError(f"hits at {op.place}: expected a text; got {wrong[0]!r}")
        return [(places[row["item"]], float(row.get("score", 0.0))) for row in rows]

    def _hits(self, ranking: Ranking, handles: Sequence[Handle[str]]) -> Found:
        found = []
        for (place, score), handle in zip(ranking, handles, strict=True):
            item = self._items[place]
            hit = Hit(
                item=item.id, text=handle.value, score=score, turns=item.chunk.turns,
                variable=handle.id,
            )  # fmt: skip
            found.append((hit, handle))
        return found

    def places(self) -> dict[str, int]:
        """Where each item stands, oldest first."""
        return {item.id: place for place, item in enumerate(self._items)}

    def page(self, hits: Sequence[Hit]) -> str:
        """The lines of hits, each once, in the order their items were stored."""
        places = self.places()
        lines: dict[str, Line] = {}
        for hit in sorted(hits, key=lambda one: places[one.item]):
            chunk = self._items[places[hit.item]].chunk
            if hit.text == chunk.text:
                lines |= {line.turn: line for line in chunk.lines}
            else:  # other words, by a replay
                lines[hit.item] = Line(hit.item, chunk.lines[0].date, hit.text)
        return page(list(lines.values()))


def _named(op: Stage, row: Any) -> tuple[str | None, Chunk]:
    """The item id (None: the chunk's own name) and the chunk of a row."""
    if not isinstance(row, dict) or not isinstance(row.get("lines"), list):
        raise UserError(
            f"items at {op.place}: expected rows {{item, lines: [{{turn, date, text}}, ...]}}; "
            f"got {row!r}"
        )
    return row.get("item"), Chunk.from_list(row["lines"])


def _item_of(row: Any) -> Any:
    return row.get("item") if isinstance(row, dict) else None
