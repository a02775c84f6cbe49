"""The edges of a whole trace as compact arrays, and how far one gets along them.

In: the rows of `inputs` and the `producer` column. Out: sets of numbers. Rows come as one long
text of numbers a range of operations, which SQLite writes and NumPy reads faster than Python takes
up rows one by one. A number serves as its own index: operations and variables share one counter,
so the arrays are as long as the last number and hold 32-bit numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lmcommon.errors import UserError
from memtrace.graph.reading.database import Database

__all__ = ["Arrays", "Numbers", "Reached", "Rows", "reach"]

Numbers = NDArray[np.int64]

_RANGE = 1 << 15
_FEW = 256
_ALWAYS_DENSE = 1 << 27
_SPARSE = 64
_LIMIT = 1 << 32
_VARIABLE, _OPERATION = 1, 2
_NONE = np.zeros(0, dtype=np.uint32)

_INPUTS = (
    "SELECT count(*), min(variable), max(variable),"
    " group_concat((operation - ?1) << 32 | variable) FROM inputs"
    " WHERE operation >= ?1 AND operation < ?2"
)
_OUTPUTS = (
    "SELECT count(*), min(number), max(number),"
    " group_concat((producer - ?1) << 32 | number) FROM variables"
    " WHERE producer >= ?1 AND producer < ?2"
)


class Rows:
    """For each number, the numbers it has an edge to, as a run in one array.

    Args:
        tails: Where the edges start.
        heads: Where they end; in the same order.
        size: One more than the last number.
    """

    def __init__(self, tails: NDArray[np.uint32], heads: NDArray[np.uint32], size: int) -> None:
        is_sorted = bool(np.all(tails[1:] >= tails[:-1]))
        order = slice(None) if is_sorted else np.argsort(tails, kind="stable")
        self.heads = np.ascontiguousarray(heads[order])
        self.starts = np.zeros(size + 1, dtype=np.uint32)
        np.cumsum(np.bincount(tails, minlength=size), dtype=np.uint32, out=self.starts[1:])
        self._starts, self._heads = self.starts.data, self.heads.data

    def of(self, number: int) -> memoryview:
        """The numbers one number has an edge to."""
        if number + 1 >= len(self._starts):
            return self._heads[:0]
        return self._heads[self._starts[number] : self._starts[number + 1]]

    def of_all(self, numbers: Numbers) -> Numbers:
        """The numbers any of these has an edge to, repeats included."""
        starts = self.starts[numbers].astype(np.int64)
        counts = self.starts[numbers + 1] - starts
        ends = np.cumsum(counts)
        total = int(ends[-1]) if len(ends) else 0
        places = np.repeat(starts - (ends - counts), counts) + np.arange(total)
        return self.heads[places].astype(np.int64)


class Arrays:
    """All edges of a trace at one moment. Each direction is laid out when it is first walked."""

    def __init__(self, database: Database) -> None:
        with database.snapshot():
            last = _last(database)
            by, read = _edges(database, _INPUTS, last)
            makers, made = _edges(database, _OUTPUTS, last)
        self._inputs, self._outputs = (by, read), (makers, made)
        ends = (by, read, makers, made)
        self.size = 1 + max((int(part.max()) for part in ends if len(part)), default=0)
        if self.size > max(_ALWAYS_DENSE, _SPARSE * (len(read) + len(made))):
            raise UserError(
                f"{database.path}: expected numbers near {len(read) + len(made)}; got {self.size}: "
                "the trace is damaged; memtrace-check tells what can be saved"
            )
        self.edge_count = len(read) + len(made)

    @cached_property
    def inputs_of(self) -> Rows:
        """From an operation to the variables it read."""
        by, read = self._inputs
        return Rows(by, read, self.size)

    @cached_property
    def readers_of(self) -> Rows:
        """From a variable to the operations that read it."""
        by, read = self._inputs
        return Rows(read, by, self.size)

    @cached_property
    def outputs_of(self) -> Rows:
        """From an operation to the variables it made."""
        makers, made = self._outputs
        return Rows(makers, made, self.size)

    @cached_property
    def maker_of(self) -> Rows:
        """From a variable to the operation that made it, if any did."""
        makers, made = self._outputs
        return Rows(made, makers, self.size)


class Reached(NamedTuple):
    """Where a walk came, ascending, its starts included."""

    operations: Numbers
    variables: Numbers


def reach(
    starts: Iterable[int], operations_of: Rows, variables_of: Rows, low: int, high: int
) -> Reached:
    """Walk from variables to operations to variables, until there is nothing new.

    Few at a time are walked in a plain loop (a chain has one in front at any time), many at once
    as arrays.

    Args:
        starts: Variable numbers.
        operations_of: From a variable to the operations to enter.
        variables_of: From an operation to the variables to go on with.
        low: Operations below are not entered.
        high: Operations above are not entered.
    """
    known = len(operations_of.starts) - 1
    given = set(starts)
    seen = bytearray(max(known, *(number + 1 for number in given)) if given else 0)
    marks = np.frombuffer(seen, dtype=np.uint8)
    for number in given:
        seen[number] = _VARIABLE
    waiting = [number for number in given if number < known]
    while waiting:
        _walk_few(waiting, seen, operations_of, variables_of, low, high)
        if not waiting:
            break
        ahead = np.asarray(waiting, dtype=np.int64)
        while len(ahead) > _FEW:
            found = operations_of.of_all(ahead)
            found = _fresh(found[(found >= low) & (found <= high)], marks, _OPERATION)
            ahead = _fresh(variables_of.of_all(found), marks, _VARIABLE)
        waiting = ahead.tolist()
    return Reached(np.flatnonzero(marks == _OPERATION), np.flatnonzero(marks == _VARIABLE))


def _walk_few(
    waiting: list[int], seen: bytearray, operations_of: Rows, variables_of: Rows, low: int,
    high: int,
) -> None:  # fmt: skip
    """Walk until nothing waits or too much does."""
    enter, leave = operations_of.of, variables_of.of
    while waiting and len(waiting) <= _FEW:
        for operation in enter(waiting.pop()):
            if seen[operation] or not low <= operation <= high:
                continue
            seen[operation] = _OPERATION
            for variable in leave(operation):
                if not seen[variable]:
                    seen[variable] = _VARIABLE
                    waiting.append(variable)


def _fresh(numbers: Numbers, marks: NDArray[np.uint8], mark: int) -> Numbers:
    fresh = np.sort(numbers[marks[numbers] == 0])
    fresh = fresh[np.flatnonzero(np.diff(fresh, prepend=-1))]  # np.unique hashes: ten times slower
    marks[fresh] = mark
    return fresh


def _last(database: Database) -> int:
    read = database.number("SELECT max(operation) FROM inputs") or 0
    made = database.number("SELECT max(producer) FROM variables WHERE producer IS NOT NULL") or 0
    last = max(read, made)
    if not 0 <= min(read, made) <= last < _LIMIT:
        raise _damaged(database, f"the last operation is op-{last}")
    return last


def _edges(
    database: Database, statement: str, last: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Operations, ascending, and the variable at the other end of each edge."""
    operations, variables = [_NONE], [_NONE]
    for low in range(0, last + 1, _RANGE):
        row = database.one(statement, (low, low + _RANGE))
        if row is None or not row[0]:
            continue
        count, least, most, text = row
        if not (isinstance(least, int) and isinstance(most, int) and 0 < least <= most < _LIMIT):
            raise _damaged(database, f"an edge of op-{low} to op-{low + _RANGE} leads nowhere")
        packed = np.fromstring(text, dtype=np.int64, sep=",")
        if len(packed) != count:
            raise _damaged(database, f"an edge of op-{low} to op-{low + _RANGE} has one end only")
        operations.append((low + (packed >> 32)).astype(np.uint32))
        variables.append((packed & (_LIMIT - 1)).astype(np.uint32))
    return np.concatenate(operations), np.concatenate(variables)


def _damaged(database: Database, what: str) -> UserError:
    return UserError(
        f"{database.path}: the trace is damaged: {what}; memtrace-check tells what can be saved"
    )
