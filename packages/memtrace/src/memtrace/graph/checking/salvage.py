"""From the records of a damaged file to the rows of a trace.

In: `Pages`. Out: rows by table. No catalogue is believed: which table a record is of can be told
from its shape alone, since no two tables of a trace have columns of the same types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from memtrace.graph.checking.pages import Cell, Pages, SqlValue

__all__ = ["SHAPES", "Row", "rows"]

_NONE = type(None)
_INT, _TEXT, _MAYBE_INT, _MAYBE_TEXT = (int,), (str,), (int, _NONE), (str, _NONE)
_DIGEST, _BYTES = (bytearray,), (bytes,)  # a bytearray stands for exactly 16 bytes

SHAPES: dict[str, tuple[tuple[type, ...], ...]] = {
    "meta": (_TEXT, _TEXT),
    "blobs": (_DIGEST, _TEXT, _TEXT, _INT, _BYTES),
    "packs": (_INT, _TEXT, _INT, _BYTES),
    "chunks": (_INT, _DIGEST, _INT, _INT, _INT),
    "variables": (
        _INT, _TEXT, _MAYBE_TEXT, _DIGEST, _MAYBE_INT, _MAYBE_TEXT, _INT, _MAYBE_TEXT, _MAYBE_INT,
        _INT, _MAYBE_INT, _INT, _MAYBE_TEXT,
    ),
    "operations": (
        _INT, _MAYBE_INT, _TEXT, _TEXT, _MAYBE_INT, _MAYBE_TEXT, _MAYBE_TEXT, _MAYBE_TEXT,
        _MAYBE_TEXT, _MAYBE_TEXT, _INT, _MAYBE_INT, _MAYBE_TEXT,
    ),
    "inputs": (_INT, _INT, _TEXT, _INT),
    "seals": (_INT, _TEXT, _INT, _INT),
}  # fmt: skip
"""Types of the columns of every table, in order."""

_WITHOUT_ROWID = ("meta", "inputs")
_NUMBERED = ("packs", "chunks", "variables", "operations", "seals")
"""Tables whose first column is the row id itself: the record has nothing there."""


class Row(NamedTuple):
    """A row that was found. Example: `Row("inputs", (9, 0, "query", 4))`"""

    table: str
    values: tuple[SqlValue, ...]


def rows(pages: Pages, tick: Callable[[int], None] = lambda page: None) -> Iterator[Row]:
    """Stream every row of the file, those on pages in use before those on free ones.

    A row may come twice (an older state of it on a free page): the first one counts.

    Args:
        pages: The file.
        tick: Called with every page number done, for a progress bar.
    """
    free = pages.free()
    in_use = (number for number in range(1, pages.count + 1) if number not in free)
    for numbers in (in_use, sorted(free)):
        for number in numbers:
            for cell in pages.cells(number):
                row = _row(cell)
                if row is not None:
                    yield row
            tick(number)


def _row(cell: Cell) -> Row | None:
    for table, shape in SHAPES.items():
        if len(shape) != len(cell.values) or (cell.rowid is None) != (table in _WITHOUT_ROWID):
            continue
        values = cell.values
        if table in _NUMBERED:
            if values[0] is not None:
                continue
            values = (cell.rowid, *values[1:])
        if all(map(_fits, values, shape)):
            return Row(table, values)
    return None


def _fits(value: SqlValue, types: tuple[type, ...]) -> bool:
    if types is _DIGEST:
        return isinstance(value, bytes) and len(value) == 16
    return isinstance(value, types)
