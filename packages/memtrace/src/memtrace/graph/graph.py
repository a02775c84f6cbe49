"""The graph of a trace on compact arrays: who made a variable, who read it, and slices.

In: sorted arrays of numbers and edges. Out: `Slice`s. A walk goes operation by operation: an
input leads only to the one operation that made that very variable, so equal texts in unrelated
questions are never joined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from memtrace.graph.ids import operation_id, operation_number, variable_id, variable_number
from memtrace.types import Slice

__all__ = ["Graph"]

Numbers = NDArray[np.int64]


class _Adjacency:
    """Rows of neighbours: for each node number, a run in one array."""

    def __init__(self, nodes: Numbers, neighbours: Numbers) -> None:
        order = np.lexsort((neighbours, nodes))
        self._neighbours = neighbours[order]
        self._nodes, starts = np.unique(nodes[order], return_index=True)
        self._starts = np.append(starts, len(nodes)).astype(np.int64)

    def of(self, node: int) -> list[int]:
        place = int(np.searchsorted(self._nodes, node))
        if place == len(self._nodes) or self._nodes[place] != node:
            return []
        found = self._neighbours[self._starts[place] : self._starts[place + 1]]
        return [int(number) for number in found]


class Graph:
    """Adjacency of one trace. Made by `Trace.graph`; holds numbers only, no values.

    Args:
        variables: Numbers of all variables, ascending.
        operations: Numbers of all operations, ascending.
        inputs: Shape (edges, 2): variable number, operation number.
        outputs: Shape (edges, 2): operation number, variable number.
    """

    def __init__(
        self, variables: Numbers, operations: Numbers, inputs: Numbers, outputs: Numbers
    ) -> None:
        self._variables, self._operations = variables, operations
        self._edges = inputs, outputs
        self._inputs_of = _Adjacency(inputs[:, 1], inputs[:, 0])
        self._readers_of = _Adjacency(inputs[:, 0], inputs[:, 1])
        self._outputs_of = _Adjacency(outputs[:, 0], outputs[:, 1])
        self._maker_of = _Adjacency(outputs[:, 1], outputs[:, 0])

    @property
    def variables(self) -> tuple[str, ...]:
        """Ids of all variables in `seq` order."""
        return tuple(variable_id(int(number)) for number in self._variables)

    @property
    def operations(self) -> tuple[str, ...]:
        """Ids of all operations in `seq` order."""
        return tuple(operation_id(int(number)) for number in self._operations)

    @property
    def edge_count(self) -> int:
        """Number of edges, both kinds."""
        return len(self._edges[0]) + len(self._edges[1])

    def producer(self, variable: str) -> str | None:
        """The operation that made a variable; None for one from outside."""
        makers = self._maker_of.of(self._variable(variable))
        return operation_id(makers[0]) if makers else None

    def consumers(self, variable: str) -> tuple[str, ...]:
        """The operations that read a variable, in `seq` order."""
        readers = self._readers_of.of(self._variable(variable))
        return tuple(operation_id(number) for number in dict.fromkeys(readers))

    def upstream(
        self, variable: str, *, since_seq: int | None = None, until_seq: int | None = None
    ) -> Slice:
        """Everything a variable came from, itself included.

        Args:
            variable: Where to start.
            since_seq: Leave out operations that started before.
            until_seq: Leave out operations that started after.
        """
        return self._walk([variable], self._maker_of.of, self._inputs_of.of, since_seq, until_seq)

    def downstream(
        self, variable: str | Iterable[str], *, since_seq: int | None = None,
        until_seq: int | None = None,
    ) -> Slice:  # fmt: skip
        """Everything one variable (or several) could have had an influence on, itself included."""
        starts = [variable] if isinstance(variable, str) else list(variable)
        return self._walk(starts, self._readers_of.of, self._outputs_of.of, since_seq, until_seq)

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
        back = self.upstream(target, since_seq=since_seq, until_seq=until_seq)
        ahead = self.downstream(sources, since_seq=since_seq, until_seq=until_seq)
        operations, variables = set(ahead.operations), set(ahead.variables)
        if target not in variables:
            return Slice()
        return Slice(
            tuple(identifier for identifier in back.operations if identifier in operations),
            tuple(identifier for identifier in back.variables if identifier in variables),
        )

    def _walk(
        self, starts: Sequence[str], operations_of: Callable[[int], list[int]],
        variables_of: Callable[[int], list[int]], since_seq: int | None, until_seq: int | None,
    ) -> Slice:  # fmt: skip
        """Breadth over variables, each leading to operations, each leading to variables."""
        low = 0 if since_seq is None else since_seq
        high = int(np.iinfo(np.int64).max) if until_seq is None else until_seq
        frontier = [self._variable(start) for start in starts]
        variables, operations = set(frontier), set[int]()
        while frontier:
            for operation in operations_of(frontier.pop()):
                if operation in operations or not low <= operation <= high:
                    continue
                operations.add(operation)
                fresh = [number for number in variables_of(operation) if number not in variables]
                variables.update(fresh)
                frontier.extend(fresh)
        return Slice(
            tuple(operation_id(number) for number in sorted(operations)),
            tuple(variable_id(number) for number in sorted(variables)),
        )

    def _variable(self, identifier: str) -> int:
        number = variable_number(identifier)
        place = int(np.searchsorted(self._variables, number))
        if place == len(self._variables) or self._variables[place] != number:
            raise KeyError(f"expected a variable of this trace; there is no {identifier!r}")
        return number

    def has_operation(self, identifier: str) -> bool:
        """Whether the trace has this operation."""
        try:
            number = operation_number(identifier)
        except ValueError:
            return False
        place = int(np.searchsorted(self._operations, number))
        return place < len(self._operations) and int(self._operations[place]) == number
