"""Rows of an import on their way into a trace file, a few thousand a transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, overload

from memtrace.graph.storage.store import Batch, InputRow, OperationRow, Store, VariableRow
from memtrace.interchange.otlp.values import Encoded

__all__ = ["LEFT_OUT", "Rows", "clean", "to_text"]

_AT_ONCE = 2_000
_CHARS_AT_ONCE = 8_000_000
LEFT_OUT: Encoded = ("json", "null")
"""What stands for a value that the file does not hold."""


class Rows:
    """Collects rows, writes them, counts them."""

    def __init__(self, store: Store) -> None:
        self._store, self._batch, self._chars = store, Batch(), 0
        self.operations = self.variables = self.edges = 0

    def variable(
        self, number: int, kind: str, encoded: Encoded, *, name: str | None = None,
        producer: int | None = None, role: str | None = None, position: int = 0,
        item: str | None = None, version: int | None = None, is_deletion: bool = False,
        source: int | None = None, created_ns: int = 0, metadata: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Add a variable."""
        self._batch.variables.append(
            VariableRow(
                number, clean(kind), clean(name), *encoded, producer, clean(role), position,
                clean(item), version,
                is_deletion, source, created_ns, to_text(metadata),
            )
        )  # fmt: skip
        self.variables += 1
        self.edges += producer is not None
        self._chars += len(encoded[1])

    def operation(self, row: OperationRow) -> None:
        """Add an operation; its inputs come by `input`, its outputs name it as producer."""
        texts = {
            key: clean(getattr(row, key))
            for key in ("kind", "name", "model", "error_type", "error_message")
        }
        self._batch.operations.append(row._replace(**texts))
        self.operations += 1
        if len(self._batch) >= _AT_ONCE or self._chars >= _CHARS_AT_ONCE:
            self.flush()

    def input(self, operation: int, place: int, role: str, variable: int) -> None:
        """Add an edge from a variable to an operation."""
        self._batch.inputs.append(InputRow(operation, place, clean(role), variable))
        self.edges += 1

    def meta(self, facts: Mapping[str, Any]) -> None:
        """Add metadata of the trace."""
        self._batch.meta.update({key: json.dumps(value) for key, value in facts.items()})

    def flush(self) -> None:
        """Write what is collected."""
        if len(self._batch):
            self._store.write(self._batch)
            self._batch, self._chars = Batch(), 0


@overload
def clean(text: str) -> str: ...
@overload
def clean(text: None) -> None: ...
@overload
def clean(text: str | None) -> str | None: ...
def clean(text: str | None) -> str | None:
    """Text that a column can hold: lone surrogates are written out."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def to_text(value: Mapping[str, Any] | None) -> str | None:
    """A mapping as a trace stores it; None when there is nothing in it."""
    return json.dumps(value, separators=(",", ":")) if value else None
