"""From the rows of a trace to streams of operations and variables.

In: clauses of SQL. Out: objects in `seq` order, made as they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lmcommon.errors import UserError
from memtrace.graph.reading import rows
from memtrace.graph.reading.database import Database
from memtrace.graph.storage import schema
from memtrace.types import Operation, Variable

__all__ = ["Parts", "batches"]

_BATCH = 500


class Parts:
    """Streams of one trace."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def variables(self, where: str, values: Sequence[Any]) -> Iterator[Variable]:
        """Stream the variables that a clause of `rows.VARIABLES` lets through."""
        stream = self._database.query(f"{rows.VARIABLES} {where} ORDER BY v.number", values)
        yield from self.found(self._in_order(stream))

    def found(self, stream: Iterable[tuple[Any, ...]]) -> Iterator[Variable]:
        """Variables from rows of `rows.VARIABLES`."""
        for row in stream:
            with schema.readable(self._database.path):
                variable = rows.variable(row)
            yield variable

    def _in_order(self, stream: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """Rows by number, each once.

        On a damaged page a statement fails; that makes SQLite lose the place of the others, and
        one of them may then go round for ever.
        """
        last: int | None = None
        for row in stream:
            if last is not None and row[0] <= last:
                raise UserError(
                    f"{self._database.path}: the trace is damaged: its rows are out of order; "
                    "memtrace-check says what can be saved"
                )
            last = row[0]
            yield row

    def operations(
        self, where: str, values: Sequence[Any], kind: str | None = None, name: str | None = None
    ) -> Iterator[Operation]:
        """Stream the operations that a clause of `rows.OPERATIONS` lets through, with their edges.

        Args:
            where: The clause.
            values: What its question marks stand for.
            kind: Only those of this kind.
            name: Only those of this name.
        """
        stream = self._database.query(f"{rows.OPERATIONS} {where}", values)
        for chunk in batches(self._in_order(stream)):
            numbers = [row[0] for row in chunk]
            marks = ",".join("?" * len(numbers))
            with schema.readable(self._database.path):
                ins = rows.by_role(self._database.query(rows.INPUTS.format(marks), numbers))
                outs = rows.by_role(self._database.query(rows.OUTPUTS.format(marks), numbers))
            for row in chunk:
                with schema.readable(self._database.path):
                    operation = rows.operation(row, ins.get(row[0], {}), outs.get(row[0], {}))
                if kind in (None, operation.kind) and name in (None, operation.name):
                    yield operation


def batches(parts: Iterable[Any]) -> Iterator[list[Any]]:
    """The parts in lists of a length that one statement can name."""
    chunk: list[Any] = []
    for part in parts:
        chunk.append(part)
        if len(chunk) == _BATCH:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
