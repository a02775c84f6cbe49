"""What searches find, as rows that a replay may change, and back to what Mem0 goes on with.

A row is `{"item", "text", "score"}`, best first. Inside `add`, Mem0 goes on with points of its
store; at question time with dictionaries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from typing import Any

from lmcommon.errors import UserError
from memtrace.execution.stage import Stage
from memtrace.memory.mem0.store import StoreTrace
from memtrace.memory.mem0.types import Found

__all__ = ["Find", "settle_memories", "settle_points", "stable"]

Find = Callable[[str], Any]
"""From Mem0's id to the stored thing; None if there is none."""


def stable(points: Iterable[Any], order: Mapping[str, int], limit: int) -> list[Any]:
    """The best points, ties broken by age, so that one more memory reorders nothing else.

    Args:
        points: What the store found.
        order: When each was written.
        limit: How many are wanted.
    """
    last = len(order)
    rounded = [(_score(point), order.get(str(point.id), last), point) for point in points]
    best = sorted(rounded, key=lambda row: (-row[0], row[1]))[:limit]
    return [_with(point, score=score) for score, _, point in best]


def settle_points(
    op: Stage, store: StoreTrace, points: Sequence[Any], find: Find
) -> tuple[list[Any], list[Found]]:
    """Record what a search inside `add` found; gives what Mem0 goes on with."""
    if not op.is_changed("hits"):
        return list(points), _recorded(op, [_found(store, point) for point in points])
    rows = [_row(store, point.id, _payload(point).get("data", ""), _score(point))
            for point in points]  # fmt: skip
    settled = op.settle("hits", rows)
    known = {store.item(point.id): point for point in points}
    stored = [_resolved(op, store, row, known, find) for row in settled]
    kept = [_changed_point(point, row) for point, row in zip(stored, settled, strict=True)]
    found = [
        Found(
            str(point.id), _text(point), store.live(point.id, _text(source)),
            _payload(point).get("hash"), float(row.get("score") or 0.0),
        )
        for point, source, row in zip(kept, stored, settled, strict=True)
    ]  # fmt: skip
    return kept, _recorded(op, found)


def settle_memories(
    op: Stage, store: StoreTrace, memories: Sequence[dict[str, Any]], find: Find
) -> tuple[list[dict[str, Any]], list[Found]]:
    """Record what a search at question time found; gives what it returns."""
    rows = [_row(store, one["id"], one.get("memory") or "", float(one.get("score") or 0.0))
            for one in memories]  # fmt: skip
    settled = op.settle("hits", rows)
    kept = list(memories)
    texts = [str(one.get("memory") or "") for one in memories]
    if settled is not rows:
        known = {store.item(one["id"]): one for one in memories}
        found_rows = [_resolved(op, store, row, known, find) for row in settled]
        texts = [str(one.get("memory") or "") for one in found_rows]
        kept = [
            {**one, "memory": row.get("text", one.get("memory")),
             "score": float(row.get("score") or 0.0)}
            for one, row in zip(found_rows, settled, strict=True)
        ]  # fmt: skip
    found = [
        Found(
            str(one["id"]), str(one.get("memory") or ""), store.live(one["id"], text),
            one.get("hash"), float(row.get("score") or 0.0), one.get("metadata") or {},
        )
        for one, row, text in zip(kept, settled, texts, strict=True)
    ]  # fmt: skip
    return kept, _recorded(op, found)


def _found(store: StoreTrace, point: Any) -> Found:
    """A point as it was found."""
    payload, memory_id = _payload(point), str(point.id)
    text = str(payload.get("data", ""))
    return Found(memory_id, text, store.live(memory_id, text), payload.get("hash"), _score(point))


def _recorded(op: Stage, found: Sequence[Found]) -> list[Found]:
    """Hits are copies of what the store holds, or new texts where a replay gave another text."""
    made = op.outputs(
        "hits", [one.handle if one.handle.value == one.text else one.text for one in found],
        kind="hit",
        metadata=[
            {"rank": rank, "score": round(one.score, 6)} for rank, one in enumerate(found, 1)
        ],
    )  # fmt: skip
    for one, handle in zip(found, made, strict=True):
        one.handle = handle
    return list(found)


def _resolved(op: Stage, store: StoreTrace, row: Any, known: Mapping[str, Any], find: Find) -> Any:
    """The stored thing that a row names."""
    item = row.get("item") if isinstance(row, Mapping) else None
    if isinstance(item, str) and item.startswith(store.prefix):
        found = known.get(item) or find(item.removeprefix(store.prefix))
        text, score = row.get("text", ""), row.get("score") or 0.0
        if found is not None and isinstance(text, str) and isinstance(score, int | float):
            return found
    shown = [store.item(key) for key in list(store.order)[:3]]
    raise UserError(
        f"hits at {op.place}: expected rows {{item, text, score}} of items in the store (such as "
        f"{', '.join(shown) or 'none: it is empty'}); got {row!r}"
    )


def _changed_point(point: Any, row: Mapping[str, Any]) -> Any:
    payload = _payload(point)
    text = row.get("text", payload.get("data"))
    same = text == payload.get("data")
    changed = point if same else _with(point, payload={**payload, "data": text, "hash": None})
    score = row.get("score")
    return changed if score is None or not hasattr(point, "score") else _with(changed, score=score)


def _text(point: Any) -> str:
    return str(_payload(point).get("data", ""))


def _with(point: Any, **changes: Any) -> Any:
    if hasattr(point, "model_copy"):
        return point.model_copy(update=changes)
    made = copy(point)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def _row(store: StoreTrace, memory_id: Any, text: Any, score: float) -> dict[str, Any]:
    return {"item": store.item(memory_id), "text": text, "score": round(score, 6)}


def _payload(point: Any) -> Mapping[str, Any]:
    return getattr(point, "payload", None) or {}


def _score(point: Any) -> float:
    return round(float(getattr(point, "score", 0.0) or 0.0), 6)
