"""From rows of a trace file to `Operation` and `Variable`, and the statements that fetch them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from memtrace.graph.ids import operation_id, variable_id
from memtrace.types import Operation, OperationError, Variable

__all__ = [
    "INPUTS", "LAST_NUMBER", "LIVE_AT", "OPERATIONS", "OUTPUTS", "VARIABLES", "by_role",
    "operation", "variable", "where",
]  # fmt: skip

VARIABLES = (
    "SELECT v.number, v.kind, v.name, v.producer, v.role, v.position, v.item, v.version,"
    " v.is_deletion, v.source, v.created_ns, v.metadata, b.digest, b.encoding, b.size"
    " FROM variables v JOIN blobs b USING (digest)"
)
OPERATIONS = (
    "SELECT number, end_number, kind, name, parent, parameters, model, usage, error_type,"
    " error_message, started_ns, finished_ns, metadata FROM operations"
)
INPUTS = (
    "SELECT operation, role, variable FROM inputs WHERE operation IN ({}) ORDER BY operation, place"
)
OUTPUTS = (
    "SELECT producer, role, number FROM variables WHERE producer IN ({}) ORDER BY producer, number"
)
LIVE_AT = f"""
WITH RECURSIVE items (item) AS (
    SELECT min(item) FROM variables WHERE item IS NOT NULL
    UNION -- not ALL: in a damaged index the next item may be one met before
    SELECT (SELECT min(v.item) FROM variables v WHERE v.item > items.item AND v.item IS NOT NULL)
    FROM items WHERE items.item IS NOT NULL
), live (number) AS MATERIALIZED (
    SELECT (
        SELECT v.number FROM variables v
        WHERE v.item = items.item AND v.number <= ? AND v.source IS NULL
        ORDER BY v.number DESC LIMIT 1
    ) FROM items WHERE items.item IS NOT NULL
)
{VARIABLES.replace("FROM variables v", "FROM live CROSS JOIN variables v USING (number)")}
WHERE NOT v.is_deletion ORDER BY v.number
"""
"""The live version of every item at a number: hops over the index from item to item."""
LAST_NUMBER = (
    "SELECT max(coalesce((SELECT max(number) FROM variables), 0),"
    " coalesce((SELECT max(number) FROM operations), 0),"
    " coalesce((SELECT max(end_number) FROM operations), 0))"
)

_TEXT, _MAYBE_TEXT, _NUMBER, _MAYBE_NUMBER = (str,), (str, type(None)), (int,), (int, type(None))
_VARIABLE_COLUMNS = (
    _NUMBER, _TEXT, _MAYBE_TEXT, _MAYBE_NUMBER, _MAYBE_TEXT, _NUMBER, _MAYBE_TEXT, _MAYBE_NUMBER,
    _NUMBER, _MAYBE_NUMBER, _NUMBER, _MAYBE_TEXT, (bytes,), _TEXT, _NUMBER,
)  # fmt: skip
_OPERATION_COLUMNS = (
    _NUMBER, _MAYBE_NUMBER, _TEXT, _TEXT, _MAYBE_NUMBER, _MAYBE_TEXT, _MAYBE_TEXT, _MAYBE_TEXT,
    _MAYBE_TEXT, _MAYBE_TEXT, _NUMBER, _MAYBE_NUMBER, _MAYBE_TEXT,
)  # fmt: skip
_EDGE_COLUMNS = (_NUMBER, _TEXT, _NUMBER)


def where(conditions: Mapping[str, Any], *fixed: str) -> tuple[str, list[Any]]:
    """The clause for the conditions whose value is not None, and those values in order."""
    given = {test: value for test, value in conditions.items() if value is not None}
    tests = [*fixed, *given]
    return (f"WHERE {' AND '.join(tests)}" if tests else ""), list(given.values())


def by_role(found: Iterable[tuple[Any, ...]]) -> dict[int, dict[str, tuple[str, ...]]]:
    """Operation number to role to variable ids, from rows of `INPUTS` or `OUTPUTS`."""
    grouped: dict[int, dict[str, list[str]]] = {}
    for row in found:
        _check(row, _EDGE_COLUMNS)
        number, role, variable_number = row
        grouped.setdefault(number, {}).setdefault(role, []).append(variable_id(variable_number))
    return {
        number: {role: tuple(ids) for role, ids in roles.items()}
        for number, roles in grouped.items()
    }


def operation(
    row: tuple[Any, ...], inputs: Mapping[str, tuple[str, ...]],
    outputs: Mapping[str, tuple[str, ...]],
) -> Operation:  # fmt: skip
    """An operation from a row of `OPERATIONS`; `TypeError` or `ValueError` for a damaged one."""
    _check(row, _OPERATION_COLUMNS)
    (number, end, kind, name, parent, parameters, model, usage, error_type, error_message, started,
     finished, metadata) = row  # fmt: skip
    return Operation(
        id=operation_id(number), seq=number, end_seq=end, kind=kind, name=name,
        parent=None if parent is None else operation_id(parent), inputs=inputs, outputs=outputs,
        parameters=_object(parameters), model=model, usage=_object(usage),
        error=None if error_type is None else OperationError(error_type, error_message or ""),
        started_ns=started, finished_ns=finished, metadata=_object(metadata),
    )  # fmt: skip


def variable(row: tuple[Any, ...]) -> Variable:
    """A variable from a row of `VARIABLES`; `TypeError` or `ValueError` for a damaged one."""
    _check(row, _VARIABLE_COLUMNS)
    (number, kind, name, producer, role, position, item, version, is_deletion, source, created,
     metadata, digest, encoding, size) = row  # fmt: skip
    return Variable(
        id=variable_id(number), seq=number, kind=kind, name=name, item=item, version=version,
        is_deletion=bool(is_deletion),
        producer=None if producer is None else operation_id(producer), role=role,
        position=position, source=None if source is None else variable_id(source),
        encoding=encoding, size=size, digest=digest.hex(), created_ns=created,
        metadata=_object(metadata),
    )  # fmt: skip


def _check(row: tuple[Any, ...], columns: tuple[tuple[type, ...], ...]) -> None:
    """SQLite does not hold a column to its type, so a damaged page can put anything into it."""
    if not all(map(isinstance, row, columns)):
        raise TypeError(f"unexpected types in {row!r}")


def _object(text: str | None) -> dict[str, Any]:
    found = {} if text is None else json.loads(text)
    if not isinstance(found, dict):
        raise TypeError(f"expected a JSON object; got {found!r}")
    return found
