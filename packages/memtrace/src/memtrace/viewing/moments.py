"""The writes around a moment, so that the page can step from one change of the memory to the next.

In: a trace file, a sequence number, the name of a memory. Out: the numbers of the write before and
of the next one, and what was written at this very moment, if anything was.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from memtrace.graph.ids import operation_id, variable_id
from memtrace.graph.reading.database import Database

__all__ = ["writes_around"]

# `+item` keeps SQLite from the index of items: the walk along the numbers ends at once.
_WRITES = (
    "SELECT number, item, producer, is_deletion FROM variables"
    " WHERE +item IS NOT NULL AND source IS NULL"
)
_NAMED = "SELECT 1 FROM variables WHERE item >= ? AND item < ? LIMIT 1"


def writes_around(path: Path, seq: int, scope: str) -> dict[str, Any]:
    """Writes of memory items before, at and after a moment.

    Args:
        path: The trace.
        seq: The moment.
        scope: Only items whose names begin with this memory's, if there are any; empty: all.

    Returns:
        `previous_write` and `next_write`, numbers or None; `write` (item, variable, operation,
        deleted) or None.
    """
    database = Database(path)
    try:
        low, high = f"{scope}/", f"{scope}0"  # '0' follows '/'
        is_named = bool(scope) and any(database.query(_NAMED, (low, high)))
        among, ends = (" AND item >= ? AND item < ?", (low, high)) if is_named else ("", ())

        def find(condition: str, order: str) -> Any:
            statement = f"{_WRITES}{among} AND {condition} ORDER BY number {order} LIMIT 1"
            return next(iter(database.query(statement, (*ends, seq))), None)

        before, at, after = (
            find("number < ?", "DESC"), find("number = ?", "ASC"), find("number > ?", "ASC")
        )  # fmt: skip
        return {
            "previous_write": before and before[0], "next_write": after and after[0],
            "write": at and {
                "item": at[1], "variable": variable_id(at[0]), "deleted": bool(at[3]),
                "operation": None if at[2] is None else operation_id(at[2]),
            },
        }  # fmt: skip
    finally:
        database.close()
