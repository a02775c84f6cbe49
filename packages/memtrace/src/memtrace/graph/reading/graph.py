"""The graph of a trace: who made a variable, who read it, and slices.

In: an open trace file. Out: `Slice`s. A walk goes operation by operation: an input leads only to
the one operation that made that very variable, so equal texts in unrelated questions are never
joined. A slice of a few thousand operations is walked by SQLite on its indexes, without reading
anything else; larger ones, and readers far from the end, load the edges as arrays, once.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

import numpy as np

from memtrace.graph.ids import operation_id, operation_number, variable_id, variable_number
from memtrace.graph.reading.database import Database
from memtrace.graph.reading.local import LocalWalk
from memtrace.graph.reading.walk import Arrays, Reached, reach
from memtrace.graph.storage import schema
from memtrace.types import Slice

__all__ = ["Graph"]

_END_OF_TIME = int(np.iinfo(np.int64).max)


class Graph:
    """Slices and neighbours in one trace. Made by `Trace.graph`; holds numbers only, no values."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._local = LocalWalk(database)
        self._loaded: Arrays | None = None

    # Parts ----------------------------------------------------------------------------------

    @property
    def variables(self) -> tuple[str, ...]:
        """Ids of all variables in `seq` order."""
        return tuple(variable_id(number) for number in self._numbers("variables"))

    @property
    def operations(self) -> tuple[str, ...]:
        """Ids of all operations in `seq` order."""
        return tuple(operation_id(number) for number in self._numbers("operations"))

    @property
    def edge_count(self) -> int:
        """Number of edges, both kinds."""
        with self._database.snapshot():
            read = self._database.number("SELECT count(*) FROM inputs")
            made = self._database.number(
                "SELECT count(*) FROM variables WHERE producer IS NOT NULL"
            )
        return (read or 0) + (made or 0)

    def has_operation(self, identifier: str) -> bool:
        """Whether the trace has this operation."""
        try:
            number = operation_number(identifier)
        except ValueError:
            return False
        return self._has("operations", number)

    def producer(self, variable: str) -> str | None:
        """The operation that made a variable; None for one from outside."""
        number = self._variable(variable)
        maker = self._database.number("SELECT producer FROM variables WHERE number = ?", (number,))
        return None if maker is None else operation_id(maker)

    def consumers(self, variable: str) -> tuple[str, ...]:
        """The operations that read a variable, in `seq` order."""
        number = self._variable(variable)
        if self._loaded is None and self._local.is_near_the_end(number):
            readers: Iterable[int] = self._local.readers(number)
        else:
            readers = self._arrays(number).readers_of.of(number)
        return tuple(operation_id(reader) for reader in sorted(set(readers)))

    # Slices ---------------------------------------------------------------------------------

    def upstream(
        self, variable: str | Iterable[str], *, since_seq: int | None = None,
        until_seq: int | None = None,
    ) -> Slice:  # fmt: skip
        """Everything one variable (or several) came from, itself included.

        Args:
            variable: Where to start.
            since_seq: Leave out operations that started before.
            until_seq: Leave out operations that started after.

        Raises:
            KeyError: If the trace has no such variable.
            ValueError: If the identifier is not a variable's.
        """
        starts, low, high = self._starts(variable), *_bounds(since_seq, until_seq)
        if self._loaded is None:
            edges = self._local.behind(starts, low, high)
            if edges is not None:
                read = {edge.variable for edge in edges if edge.variable is not None}
                return Slice.of_numbers({edge.operation for edge in edges}, read.union(starts))
        return _slice(self._reach_back(starts, low, high))

    def downstream(
        self, variable: str | Iterable[str], *, since_seq: int | None = None,
        until_seq: int | None = None,
    ) -> Slice:  # fmt: skip
        """Everything one variable (or several) could have had an influence on, itself included."""
        starts, low, high = self._starts(variable), *_bounds(since_seq, until_seq)
        if not starts:
            return Slice()
        if self._loaded is None and self._local.is_near_the_end(min(starts)):
            operations, variables = self._local.ahead(starts, low, high)
            with schema.readable(self._database.path):
                return Slice.of_numbers(operations, variables)
        return _slice(self._reach_ahead(starts, low, high))

    def between(
        self, sources: str | Iterable[str], target: str, *, since_seq: int | None = None,
        until_seq: int | None = None,
    ) -> Slice:  # fmt: skip
        """Every way from the sources to the target; empty when there is none.

        Args:
            sources: Variables to come from.
            target: The variable to arrive at.
            since_seq: Leave out operations that started before.
            until_seq: Leave out operations that started after.
        """
        starts, low, high = self._starts(sources), *_bounds(since_seq, until_seq)
        end = self._variable(target)
        if self._loaded is None:
            edges = self._local.behind([end], low, high)
            if edges is not None:
                return Slice.of_numbers(*self._local.ways(edges, set(starts), end))
        back, ahead = self._reach_back([end], low, high), self._reach_ahead(starts, low, high)
        variables = np.intersect1d(back.variables, ahead.variables, assume_unique=True)
        if end not in variables:
            return Slice()
        operations = np.intersect1d(back.operations, ahead.operations, assume_unique=True)
        return _slice(Reached(operations, variables))

    # Inside ---------------------------------------------------------------------------------

    def _reach_back(self, starts: Sequence[int], low: int, high: int) -> Reached:
        arrays = self._arrays(*starts)
        return reach(starts, arrays.maker_of, arrays.inputs_of, low, high)

    def _reach_ahead(self, starts: Sequence[int], low: int, high: int) -> Reached:
        arrays = self._arrays(*starts)
        return reach(starts, arrays.readers_of, arrays.outputs_of, low, high)

    def _arrays(self, *numbers: int) -> Arrays:
        """The edges, read anew when a number is newer than what was read."""
        if self._loaded is None or max(numbers, default=0) >= self._loaded.size:
            self._loaded = Arrays(self._database)
        return self._loaded

    def _starts(self, variables: str | Iterable[str]) -> list[int]:
        given = [variables] if isinstance(variables, str) else variables
        return [self._variable(identifier) for identifier in given]

    def _variable(self, identifier: str) -> int:
        number = variable_number(identifier)
        if not self._has("variables", number):
            raise KeyError(f"expected a variable of this trace; there is no {identifier!r}")
        return number

    def _has(self, table: str, number: int) -> bool:
        if number > _END_OF_TIME:
            return False
        return self._database.one(f"SELECT 1 FROM {table} WHERE number = ?", (number,)) is not None

    def _numbers(self, table: str) -> list[int]:
        rows = self._database.query(f"SELECT number FROM {table} ORDER BY number")
        numbers = [number for (number,) in rows]
        with schema.readable(self._database.path):
            if numbers and numbers[0] < 1:
                raise ValueError(f"{table} have the number {numbers[0]}")
        return numbers


def _bounds(since_seq: int | None, until_seq: int | None) -> tuple[int, int]:
    return (
        0 if since_seq is None else since_seq,
        _END_OF_TIME if until_seq is None else until_seq,
    )


def _slice(reached: Reached) -> Slice:
    return Slice.of_numbers(
        array("q", reached.operations.astype(np.int64).tobytes()),
        array("q", reached.variables.astype(np.int64).tobytes()),
    )
