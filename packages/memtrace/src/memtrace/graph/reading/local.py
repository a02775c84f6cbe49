"""Short walks through a trace file by its indexes, without reading the rest of it.

In: variable numbers. Out: the operations and variables around them. Edges run from lower to higher
numbers, so what lies ahead of a variable lies behind it in the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from memtrace.graph.reading.database import Database
from memtrace.graph.storage import schema

__all__ = ["Edge", "LocalWalk"]

_MANY = 4_000
"""Operations; about where loading all edges of a large trace begins to pay."""
_TAIL = 60_000
"""Numbers from the end that are read through in a moment."""

_BEHIND = f"""
WITH RECURSIVE behind (operation) AS (
    SELECT producer FROM variables
    WHERE number IN (SELECT value FROM json_each(?1)) AND producer BETWEEN ?2 AND ?3
    UNION
    SELECT v.producer FROM behind b
    CROSS JOIN inputs i ON i.operation = b.operation
    CROSS JOIN variables v ON v.number = i.variable
    WHERE v.producer BETWEEN ?2 AND ?3
    LIMIT {_MANY + 1}
)
SELECT b.operation, i.variable, v.producer FROM behind b
LEFT JOIN inputs i ON i.operation = b.operation
LEFT JOIN variables v ON v.number = i.variable
"""


class Edge(NamedTuple):
    """A variable that an operation read, and who made it; no variable if it read nothing."""

    operation: int
    variable: int | None
    producer: int | None


class LocalWalk:
    """Walks by SQL in one trace file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def behind(self, starts: Sequence[int], low: int, high: int) -> list[Edge] | None:
        """What the operations behind some variables read; None when there are too many of them.

        Args:
            starts: Variable numbers.
            low: Operations below are left out.
            high: Operations above are left out.
        """
        rows = self._database.query(_BEHIND, (json.dumps(list(starts)), low, high))
        edges = [Edge(*row) for row in rows]
        with schema.readable(self._database.path):
            if not all(isinstance(part, (int, type(None))) for edge in edges for part in edge):
                raise TypeError("an edge does not join two numbers")
        return None if len({edge.operation for edge in edges}) > _MANY else edges

    def is_near_the_end(self, number: int) -> bool:
        """Whether what comes after a number can be read through in a moment."""
        last = self._database.number("SELECT max(operation) FROM inputs")
        return last is None or last - number <= _TAIL

    def readers(self, number: int) -> list[int]:
        """The operations that read a variable, in order."""
        rows = self._database.query(
            "SELECT operation FROM inputs WHERE operation > ? AND variable = ?", (number, number)
        )
        with schema.readable(self._database.path):
            return sorted({int(operation) for (operation,) in rows})

    def ahead(self, starts: Iterable[int], low: int, high: int) -> tuple[set[int], set[int]]:
        """Operations and variables that some variables had an influence on; one pass is enough."""
        variables, operations = set(starts), set[int]()
        with self._database.snapshot():
            rows = self._database.query(
                "SELECT operation, variable FROM inputs WHERE operation BETWEEN ? AND ?"
                " ORDER BY operation",
                (max(low, min(variables)), high),
            )
            for operation, variable in rows:
                if variable in variables and operation not in operations:
                    operations.add(operation)
                    variables.update(self._outputs(operation))
        return operations, variables

    def ways(
        self, edges: Iterable[Edge], sources: set[int], target: int
    ) -> tuple[set[int], set[int]]:
        """The part of what is behind the target that also lies ahead of the sources.

        Args:
            edges: What `behind` gave for the target.
            sources: Variable numbers to come from.
            target: The variable number to arrive at.
        """
        operations, variables = set[int](), set[int]()
        for edge in sorted(edges, key=lambda edge: edge.operation):
            if edge.variable is not None and (
                edge.variable in sources or edge.producer in operations
            ):
                operations.add(edge.operation)
                variables.add(edge.variable)
        maker = self._database.number("SELECT producer FROM variables WHERE number = ?", (target,))
        if target not in sources and maker not in operations:
            return set(), set()
        return operations, variables | {target}

    def _outputs(self, operation: int) -> list[int]:
        rows = self._database.query("SELECT number FROM variables WHERE producer = ?", (operation,))
        return [number for (number,) in rows]
